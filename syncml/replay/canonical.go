package replay

import (
	"cmp"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/fwbridge/fwbridge/syncml"
)

// canon brings messages to the form that is compared: what may differ is gone,
// and what has no order has one.
type canon struct {
	from Direction
	// refs turns a reference to a message and a command into the recorded one.
	refs func(msg, cmd string) (string, string)
	// names turns addresses of the live peers into words that both sides have.
	names map[string]string
	seen  map[string]bool // CmdIDs of the message
	// open says that nobody in the session has credentials: then 200 for the
	// SyncHdr says the same as 212.
	open bool
}

// message changes m, which nobody else may hold.
func (c *canon) message(m *syncml.Message) {
	c.seen = make(map[string]bool)
	for _, uri := range []*string{&m.Header.Source.URI, &m.Header.Target.URI} {
		*uri = c.renamed(*uri)
	}
	if m.Header.RespURI != "" {
		m.Header.RespURI = "(an address)" // servers put session keys into it
	}
	c.body(m.Body)
	c.order(m.Body)
}

func (c *canon) body(body []syncml.Command) {
	for _, cmd := range body {
		switch cmd := cmd.(type) {
		case *syncml.Status:
			cmd.CmdID = c.id(cmd.CmdID)
			cmd.MsgRef, cmd.CmdRef = c.refs(cmd.MsgRef, cmd.CmdRef)
			if c.open && cmd.CmdRef == "0" && cmd.Code == syncml.StatusOK {
				cmd.Code = syncml.StatusAuthenticated
			}
			if cmd.Cred != nil {
				cmd.Cred = &syncml.Cred{Meta: cmd.Cred.Meta, Data: credAny}
			}
			for _, refs := range [][]string{cmd.TargetRefs, cmd.SourceRefs} {
				for i := range refs {
					refs[i] = c.renamed(refs[i])
				}
			}
			c.items(cmd.Items)
		case *syncml.Results:
			cmd.CmdID = c.id(cmd.CmdID)
			cmd.MsgRef, cmd.CmdRef = c.refs(cmd.MsgRef, cmd.CmdRef)
			spread(&cmd.Meta, cmd.Items)
			c.items(cmd.Items)
			sortItems(cmd.Items)
		case *syncml.Alert:
			cmd.CmdID = c.id(cmd.CmdID)
			c.items(cmd.Items)
		case *syncml.Op:
			cmd.CmdID = c.id(cmd.CmdID)
			spread(&cmd.Meta, cmd.Items)
			c.items(cmd.Items)
			if c.from == FromClient || cmd.Cmd == syncml.CmdGet {
				sortItems(cmd.Items)
			}
		case *syncml.Block:
			cmd.CmdID = c.id(cmd.CmdID)
			c.body(cmd.Body)
		case *syncml.Unknown:
			cmd.CmdID = c.id(cmd.CmdID)
		}
	}
}

// id leaves nothing of a number that is there and its own, whatever it is.
func (c *canon) id(id string) string {
	switch {
	case id == "":
		return "(none)"
	case c.seen[id]:
		return "(used twice)"
	}
	c.seen[id] = true
	return ""
}

func (c *canon) renamed(uri string) string {
	if word, ok := c.names[uri]; ok {
		return word
	}
	return uri
}

// spread gives the Meta of a command to its Items: both places mean the same.
func spread(meta *syncml.Meta, items []syncml.Item) {
	if len(items) == 0 {
		return
	}
	for i := range items {
		if items[i].Meta.Format == "" {
			items[i].Meta.Format = meta.Format
		}
		if items[i].Meta.Type == "" {
			items[i].Meta.Type = meta.Type
		}
	}
	meta.Format, meta.Type = "", ""
}

var (
	timeStamp  = regexp.MustCompile(`^\d{8}T\d{6}Z?$|^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:?\d{2})?$`)
	stampInMO  = regexp.MustCompile(`<TStamp>[^<]*</TStamp>`)
	lineBreaks = strings.NewReplacer("\r", `\r`, "\n", `\n`) // one element, one line
)

const anyTime = "(time)"

func (c *canon) items(items []syncml.Item) {
	for i := range items {
		it := &items[i]
		uri := it.Source.URI + it.Target.URI
		text := string(it.Data)
		switch {
		case timeStamp.MatchString(text), strings.HasSuffix(uri, "?prop=TStamp") && text != "",
			text != "" && (it.Meta.Format == "date" || it.Meta.Format == "time"):
			text = anyTime
		case it.Meta.Format == "node" && it.Meta.Type == "": // the names of the children
			if text == "" { // no children: some write an empty Data, some none
				it.Data = nil
			}
			names := strings.Split(text, "/")
			slices.Sort(names)
			text = strings.Join(names, "/")
		case strings.HasSuffix(uri, "/DevId"):
			text = c.renamed(text)
		default:
			text = stampInMO.ReplaceAllString(text, "<TStamp>"+anyTime+"</TStamp>")
		}
		if it.Data != nil {
			it.Data = []byte(lineBreaks.Replace(text))
		}
	}
}

func sortItems(items []syncml.Item) {
	slices.SortStableFunc(items, func(a, b syncml.Item) int {
		return cmp.Or(cmp.Compare(a.Target.URI, b.Target.URI), cmp.Compare(a.Source.URI, b.Source.URI))
	})
}

// order sorts what has no order: after the Status for the SyncHdr every Status
// by what it answers, then the Results, then, from a client, its alerts. The
// commands of a server stay as they are.
func (c *canon) order(body []syncml.Command) {
	slices.SortStableFunc(body, func(a, b syncml.Command) int {
		ra, rb := c.rank(a), c.rank(b)
		if ra.class != rb.class {
			return cmp.Compare(ra.class, rb.class)
		}
		return cmp.Or(numeric(ra.msg, rb.msg), numeric(ra.cmd, rb.cmd), cmp.Compare(ra.uri, rb.uri))
	})
}

type rank struct {
	class         int
	msg, cmd, uri string
}

func (c *canon) rank(cmd syncml.Command) rank {
	switch cmd := cmd.(type) {
	case *syncml.Status:
		if cmd.CmdRef == "0" {
			return rank{class: 0, msg: cmd.MsgRef}
		}
		return rank{1, cmd.MsgRef, cmd.CmdRef, strings.Join(append(cmd.TargetRefs, cmd.SourceRefs...), " ")}
	case *syncml.Results:
		r := rank{class: 2, msg: cmd.MsgRef, cmd: cmd.CmdRef}
		if len(cmd.Items) > 0 {
			r.uri = cmd.Items[0].Source.URI
		}
		return r
	case *syncml.Alert:
		if c.from == FromServer {
			break
		}
		r := rank{class: 3, cmd: cmd.Code.String()}
		if len(cmd.Items) > 0 {
			r.uri = cmd.Items[0].Source.URI
		}
		return r
	}
	return rank{class: 4}
}

// numeric compares numbers as such and other identifiers as text.
func numeric(a, b string) int {
	x, errX := strconv.Atoi(a)
	y, errY := strconv.Atoi(b)
	if errX != nil || errY != nil {
		return cmp.Compare(a, b)
	}
	return cmp.Compare(x, y)
}
