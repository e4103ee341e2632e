package syncml

// Message is one SyncML document: a header and the commands of its body in
// wire order (OMA DM RepPro 1.2, 5.1).
type Message struct {
	Header Header
	Body   []Command
	// Final says that this message closes its package.
	Final bool
}

// Header is the SyncHdr. Identifiers are text: they are compared, echoed and
// never parsed, because "0", "2A7" and "3412" are all legal session ids.
type Header struct {
	Version   Version
	SessionID string
	MsgID     string
	Target    Location
	Source    Location // Name carries the user id for MD5 and MAC
	RespURI   string
	NoResp    bool
	Cred      *Cred
	Meta      Meta
}

// Version is the pair VerDTD and VerProto as they stand in the header. Only
// [DM112] and [DM12] are spoken; others decode, so that they can be refused
// with 505 or 513.
type Version struct {
	DTD   string // "1.1", "1.2"
	Proto string // "DM/1.1", "DM/1.2"
}

// The versions that are spoken.
var (
	DM112 = Version{DTD: "1.1", Proto: "DM/1.1"}
	DM12  = Version{DTD: "1.2", Proto: "DM/1.2"}
)

// Location is a Target or Source: a LocURI and, rarely, a LocName. The zero
// Location is an absent element.
type Location struct {
	URI  string
	Name string
}

// Cred carries credentials, Chal demands them (DM Security 1.2, 5.3). Data is
// base64 text for every scheme in use.
type Cred struct {
	Meta Meta
	Data Secret
}

// Chal is a challenge: Meta.Type names the scheme, Meta.NextNonce is the
// base64 nonce for the next Cred.
type Chal struct {
	Meta Meta
}

// Meta holds the MetInf elements that DM uses. An empty string or a zero is
// an absent element; the same holds for MaxMsgSize 0 and MaxObjSize 0.
type Meta struct {
	Format     string // "chr", "node", "int", "b64", "bin", "bool", "xml", "null", …
	Type       string // MIME type, scheme of a Cred, type of a Generic Alert
	Mark       string // "critical", "informational", …
	Size       int64  // bytes, of a whole large object
	NextNonce  Secret // base64
	Version    string
	MaxMsgSize int64 // bytes
	MaxObjSize int64 // bytes
}

// Command is one element of a SyncBody, Atomic or Sequence: [*Status],
// [*Results], [*Alert], [*Op], [*Block] or [*Unknown].
type Command interface {
	// Name is the element name, as it stands in Cmd of a Status.
	Name() Name
	// ID is the CmdID; empty when the element had none.
	ID() string
}

// Name is the element name of a command.
type Name string

// The commands of DM, and SyncHdr, which a Status can answer too.
const (
	CmdSyncHdr  Name = "SyncHdr"
	CmdStatus   Name = "Status"
	CmdResults  Name = "Results"
	CmdAlert    Name = "Alert"
	CmdAdd      Name = "Add"
	CmdReplace  Name = "Replace"
	CmdGet      Name = "Get"
	CmdDelete   Name = "Delete"
	CmdExec     Name = "Exec"
	CmdCopy     Name = "Copy"
	CmdAtomic   Name = "Atomic"
	CmdSequence Name = "Sequence"
)

// Status answers one command, or the header when CmdRef is "0".
type Status struct {
	CmdID      string
	MsgRef     string
	CmdRef     string
	Cmd        Name
	TargetRefs []string
	SourceRefs []string
	Cred       *Cred
	Chal       *Chal
	Code       Code
	Items      []Item
}

// Results carries what a Get asked for.
type Results struct {
	CmdID     string
	MsgRef    string
	CmdRef    string
	Meta      Meta
	TargetRef string
	SourceRef string
	Items     []Item
}

// Alert is one of the alerts of [AlertCode]; a Generic Alert (1226) has its
// content in Items.
type Alert struct {
	CmdID      string
	NoResp     bool
	Code       AlertCode
	Correlator string
	Items      []Item
}

// Op is a command that acts on nodes: Add, Replace, Get, Delete, Exec, Copy.
type Op struct {
	Cmd        Name
	CmdID      string
	NoResp     bool
	Meta       Meta   // default for the Items that have none of their own
	Correlator string // Exec only; echoed byte for byte
	Items      []Item
}

// Block is an Atomic or a Sequence.
type Block struct {
	Cmd    Name
	CmdID  string
	NoResp bool
	Meta   Meta
	Body   []Command
}

// Unknown stands for an element that is no DM command. It is answered 400.
type Unknown struct {
	Cmd   Name
	CmdID string
}

// Item is one operand. Data nil is an absent element, Data of length zero is
// <Data/>: peers tell the two apart.
type Item struct {
	Target   Location
	Source   Location
	Meta     Meta
	Data     []byte
	MoreData bool
}

// Name implements [Command].
func (*Status) Name() Name { return CmdStatus }

// ID implements [Command].
func (s *Status) ID() string { return s.CmdID }

// Name implements [Command].
func (*Results) Name() Name { return CmdResults }

// ID implements [Command].
func (r *Results) ID() string { return r.CmdID }

// Name implements [Command].
func (*Alert) Name() Name { return CmdAlert }

// ID implements [Command].
func (a *Alert) ID() string { return a.CmdID }

// Name implements [Command].
func (o *Op) Name() Name { return o.Cmd }

// ID implements [Command].
func (o *Op) ID() string { return o.CmdID }

// Name implements [Command].
func (b *Block) Name() Name { return b.Cmd }

// ID implements [Command].
func (b *Block) ID() string { return b.CmdID }

// Name implements [Command].
func (u *Unknown) Name() Name { return u.Cmd }

// ID implements [Command].
func (u *Unknown) ID() string { return u.CmdID }
