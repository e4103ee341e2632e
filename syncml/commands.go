package syncml

import "reflect"

// binding is how one command is read, written and brought to normal form.
type binding struct {
	read func(b *binder, n *node) Command
	// write reports false if c is not of the type that belongs to its name.
	write func(w *writer, t tag, c Command) bool
	norm  func(c Command) Command
}

// bindings is indexed by tag; nil is a command that decodes as [Unknown]. It
// is filled in init because Block refers to itself through it.
var bindings [tagCount]*binding

// unknownBinding is for the commands that are no commands of DM.
var unknownBinding = bindCommand(&unknownShape, func(u *Unknown, n Name) { u.Cmd = n })

func init() {
	op := func(o *Op, n Name) { o.Cmd = n }
	block := bindCommand(&blockShape, func(b *Block, n Name) { b.Cmd = n })
	bindings[tagStatus] = bindCommand(&statusShape, nil)
	bindings[tagResults] = bindCommand(&resultsShape, nil)
	bindings[tagAlert] = bindCommand(&alertShape, nil)
	bindings[tagExec] = bindCommand(&execShape, op)
	for _, t := range []tag{tagAdd, tagReplace} {
		bindings[t] = bindCommand(&fillShape, op)
	}
	for _, t := range []tag{tagGet, tagDelete, tagCopy} {
		bindings[t] = bindCommand(&opShape, op)
	}
	for _, t := range []tag{tagAtomic, tagSequence} {
		bindings[t] = block
	}
}

// bindCommand makes the binding of a type; name, if not nil, stores which of
// the commands of that type it is.
func bindCommand[T any, P interface {
	*T
	Command
}](s *shape[T], name func(*T, Name)) *binding {
	return &binding{
		read: func(b *binder, n *node) Command {
			v := new(T)
			if name != nil {
				name(v, nameOf(b, n))
			}
			s.read(b, n, v)
			return P(v)
		},
		write: func(w *writer, t tag, c Command) bool {
			p, ok := c.(P)
			if !ok {
				return false
			}
			s.writeIn(w, t, (*T)(p))
			return true
		},
		norm: func(c Command) Command {
			p, ok := c.(P)
			if !ok {
				return c
			}
			v := *p
			s.norm(&v)
			return P(&v)
		},
	}
}

// nameOf is the name of a command as Cmd of its Status will repeat it.
func nameOf(b *binder, n *node) Name {
	if n.tag == noTag {
		return Name(b.kept.text(n.name))
	}
	return Name(n.tag.String())
}

// bindingOf is the binding of a command to write or to bring to normal form,
// and its tag; nil if it has none.
func bindingOf(c Command) (*binding, tag) {
	switch c := c.(type) {
	case nil:
		return nil, noTag
	case *Status: // a message has more of these than of all others
		if c != nil {
			return bindings[tagStatus], tagStatus
		}
	case *Results:
		if c != nil {
			return bindings[tagResults], tagResults
		}
	case *Op:
		if c != nil && c.Cmd != "" {
			t := tagNamed(string(c.Cmd))
			return bindings[t], t
		}
	case *Unknown:
		if c != nil {
			return unknownBinding, tagOfName[string(c.Cmd)]
		}
	}
	if v := reflect.ValueOf(c); v.Kind() == reflect.Pointer && v.IsNil() {
		return nil, noTag // its Name method would panic
	}
	t := tagOfName[string(c.Name())]
	return bindings[t], t
}

// mayBeCommand says that an element may stand among commands.
func mayBeCommand(t tag) bool { return t == noTag || t.command() }

// commandsRow is the commands of a SyncBody, Atomic or Sequence.
func commandsRow[T any](at func(*T) *[]Command) row[T] {
	return row[T]{
		body: true,
		many: true,
		read: func(b *binder, n *node, v *T) {
			b.countCommand(n)
			if len(n.name) > maxID {
				b.fail(n, "the name of a command is too long")
				return
			}
			bound := bindings[n.tag]
			if bound == nil {
				bound = unknownBinding
			}
			body := at(v)
			if *body == nil {
				*body = make([]Command, 0, following(n, mayBeCommand, b.lim.Commands))
			}
			*body = append(*body, bound.read(b, n))
		},
		write: func(w *writer, v *T) {
			for _, c := range *at(v) {
				w.cmd(c)
			}
		},
		norm: func(v *T) {
			c := cloned(*at(v))
			for i := range c {
				if b, _ := bindingOf(c[i]); b != nil {
					c[i] = b.norm(c[i])
				}
			}
			*at(v) = c
		},
	}
}
