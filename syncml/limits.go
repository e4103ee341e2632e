package syncml

// The limits of [DefaultLimits].
const (
	// DefaultMaxMessage is the size of a message in bytes. Clients announce
	// 16384 and send more (legacy-clients.md), and large objects come in
	// chunks, so nothing honest comes near it.
	DefaultMaxMessage = 256 << 10
	// DefaultMaxDepth is how deep elements nest; SyncML itself is level 1. A
	// plain message needs 7 levels, each Atomic or Sequence one more.
	DefaultMaxDepth = 32
	// DefaultMaxItems is the number of Item elements in a message.
	DefaultMaxItems = 1024
	// DefaultMaxCommands is the number of commands in a message, those in
	// Atomic and Sequence and the unknown ones included.
	DefaultMaxCommands = 1024
)

// maxID is the length in bytes of an identifier or command name (SessionID,
// MsgID, CmdID, MsgRef, CmdRef, Cmd), in both directions. They are echoed, so
// their length is somebody else's choice; real ones have at most 10.
const maxID = 255

// maxElements is the number of elements in a message, those that nobody knows
// included. They take one byte in WBXML and a hundred in memory. A message with
// as many commands and Items as the default limits allow has half of them.
const maxElements = 32 << 10

const tooManyElements = "more than 32768 elements"

// Limits bound what one message may cost. A zero field stands for its default.
type Limits struct {
	Message  int // bytes
	Depth    int // nested elements
	Items    int // Item elements
	Commands int // commands, nested ones included
}

// DefaultLimits are the limits of a bridge whose configuration says nothing.
var DefaultLimits = Limits{
	Message:  DefaultMaxMessage,
	Depth:    DefaultMaxDepth,
	Items:    DefaultMaxItems,
	Commands: DefaultMaxCommands,
}

// filled is lim with the defaults in place of zeros.
func (lim Limits) filled() Limits {
	for _, f := range []struct {
		have *int
		std  int
	}{
		{&lim.Message, DefaultMaxMessage},
		{&lim.Depth, DefaultMaxDepth},
		{&lim.Items, DefaultMaxItems},
		{&lim.Commands, DefaultMaxCommands},
	} {
		if *f.have <= 0 {
			*f.have = f.std
		}
	}
	return lim
}
