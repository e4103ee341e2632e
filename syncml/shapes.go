package syncml

// The shapes of the model, in the element order of the SyncML 1.1 DTD, which
// the 1.2 DTD and the strictest clients agree with (oma-dm.md 1.1).

var locationShape = indexed(shape[Location]{rows: []row[Location]{
	uriRow(tagLocURI, func(l *Location) *string { return &l.URI }),
	exactRow(tagLocName, func(l *Location) *string { return &l.Name }),
}})

var metaShape = indexed(shape[Meta]{rows: []row[Meta]{
	textRow(tagFormat, func(m *Meta) *string { return &m.Format }),
	textRow(tagType, func(m *Meta) *string { return &m.Type }),
	textRow(tagMark, func(m *Meta) *string { return &m.Mark }),
	sizeRow(tagSize, func(m *Meta) *int64 { return &m.Size }),
	textRow(tagVersion, func(m *Meta) *string { return &m.Version }),
	secretRow(tagNextNonce, func(m *Meta) *string { return (*string)(&m.NextNonce) }),
	sizeRow(tagMaxMsgSize, func(m *Meta) *int64 { return &m.MaxMsgSize }),
	sizeRow(tagMaxObjSize, func(m *Meta) *int64 { return &m.MaxObjSize }),
}})

var credShape = indexed(shape[Cred]{rows: []row[Cred]{
	metaRow(func(c *Cred) *Meta { return &c.Meta }),
	written(secretRow(tagData, func(c *Cred) *string { return (*string)(&c.Data) })),
}})

var chalShape = indexed(shape[Chal]{rows: []row[Chal]{
	metaRow(func(c *Chal) *Meta { return &c.Meta }),
}})

var headerShape = indexed(shape[Header]{rows: []row[Header]{
	idRow(tagVerDTD, func(h *Header) *string { return &h.Version.DTD }),
	idRow(tagVerProto, func(h *Header) *string { return &h.Version.Proto }),
	needed(idRow(tagSessionID, sessionIDOf), sessionIDOf),
	needed(idRow(tagMsgID, msgIDOf), msgIDOf),
	written(locationRow(tagTarget, func(h *Header) *Location { return &h.Target })),
	written(locationRow(tagSource, func(h *Header) *Location { return &h.Source })),
	textRow(tagRespURI, func(h *Header) *string { return &h.RespURI }),
	flagRow(tagNoResp, func(h *Header) *bool { return &h.NoResp }),
	optRow(tagCred, &credShape, func(h *Header) **Cred { return &h.Cred }),
	metaRow(func(h *Header) *Meta { return &h.Meta }),
}})

func sessionIDOf(h *Header) *string { return &h.SessionID }
func msgIDOf(h *Header) *string     { return &h.MsgID }

// bodyShape is the SyncBody; messageShape the SyncML around it.
var bodyShape = indexed(shape[Message]{rows: []row[Message]{
	commandsRow(func(m *Message) *[]Command { return &m.Body }),
	flagRow(tagFinal, func(m *Message) *bool { return &m.Final }),
}})

var messageShape = indexed(shape[Message]{rows: []row[Message]{
	{
		tag:   tagSyncHdr,
		must:  true,
		read:  func(b *binder, n *node, m *Message) { headerShape.read(b, n, &m.Header) },
		write: func(w *writer, m *Message) { headerShape.writeIn(w, tagSyncHdr, &m.Header) },
		norm:  func(m *Message) { headerShape.norm(&m.Header) },
	},
	{
		tag:   tagSyncBody,
		must:  true,
		read:  func(b *binder, n *node, m *Message) { bodyShape.read(b, n, m) },
		write: func(w *writer, m *Message) { bodyShape.writeIn(w, tagSyncBody, m) },
		norm:  bodyShape.norm,
	},
}})

// itemShape is an Item whose Data may be absent; filledItemShape that of Add
// and Replace, where an absent Data is written as <Data/>, also for interior
// nodes, because real clients crash without it (legacy-clients.md).
var (
	itemShape       = itemRows(false)
	filledItemShape = itemRows(true)
)

func itemRows(always bool) shape[Item] {
	return indexed(shape[Item]{rows: []row[Item]{
		locationRow(tagTarget, func(i *Item) *Location { return &i.Target }),
		locationRow(tagSource, func(i *Item) *Location { return &i.Source }),
		metaRow(func(i *Item) *Meta { return &i.Meta }),
		dataRow(always),
		flagRow(tagMoreData, func(i *Item) *bool { return &i.MoreData }),
	}})
}

var statusShape = indexed(shape[Status]{
	rows: []row[Status]{
		idRow(tagCmdID, func(s *Status) *string { return &s.CmdID }),
		idRow(tagMsgRef, func(s *Status) *string { return &s.MsgRef }),
		idRow(tagCmdRef, func(s *Status) *string { return &s.CmdRef }),
		idRow(tagCmd, func(s *Status) *string { return (*string)(&s.Cmd) }),
		textsRow(tagTargetRef, func(s *Status) *[]string { return &s.TargetRefs }),
		textsRow(tagSourceRef, func(s *Status) *[]string { return &s.SourceRefs }),
		optRow(tagCred, &credShape, func(s *Status) **Cred { return &s.Cred }),
		optRow(tagChal, &chalShape, func(s *Status) **Chal { return &s.Chal }),
		codeRow(tagData, func(s *Status) *Code { return &s.Code }),
		itemsRow(&itemShape, func(s *Status) *[]Item { return &s.Items }),
	},
	done: func(s *Status) { trimItems(s.Items, Meta{}) },
	odd:  func(s *Status) bool { return s.CmdRef == "" && s.Cmd == CmdSyncHdr },
	fix: func(s *Status) {
		if s.CmdRef == "" && s.Cmd == CmdSyncHdr { // oma-dm.md 11, row 7
			s.CmdRef = "0"
		}
	},
})

var resultsShape = indexed(shape[Results]{
	rows: []row[Results]{
		idRow(tagCmdID, func(r *Results) *string { return &r.CmdID }),
		optIDRow(tagMsgRef, func(r *Results) *string { return &r.MsgRef }),
		idRow(tagCmdRef, func(r *Results) *string { return &r.CmdRef }),
		defaultMetaRow(func(r *Results) *Meta { return &r.Meta }),
		textRow(tagTargetRef, func(r *Results) *string { return &r.TargetRef }),
		textRow(tagSourceRef, func(r *Results) *string { return &r.SourceRef }),
		itemsRow(&itemShape, func(r *Results) *[]Item { return &r.Items }),
	},
	done: func(r *Results) { trimItems(r.Items, r.Meta) },
})

var alertShape = indexed(shape[Alert]{
	rows: []row[Alert]{
		idRow(tagCmdID, func(a *Alert) *string { return &a.CmdID }),
		flagRow(tagNoResp, func(a *Alert) *bool { return &a.NoResp }),
		codeRow(tagData, func(a *Alert) *AlertCode { return &a.Code }),
		exactRow(tagCorrelator, func(a *Alert) *string { return &a.Correlator }),
		itemsRow(&itemShape, func(a *Alert) *[]Item { return &a.Items }),
	},
	done: func(a *Alert) { trimItems(a.Items, Meta{}) },
})

// opShape is Get, Delete and Copy; fillShape Add and Replace; execShape Exec.
var (
	opShape   = opRows(&itemShape, noCorrelatorRow)
	fillShape = opRows(&filledItemShape, noCorrelatorRow)
	execShape = opRows(&itemShape, exactRow(tagCorrelator, correlatorOf))
)

func opRows(item *shape[Item], correlator row[Op]) shape[Op] {
	return indexed(shape[Op]{
		rows: []row[Op]{
			idRow(tagCmdID, func(o *Op) *string { return &o.CmdID }),
			flagRow(tagNoResp, func(o *Op) *bool { return &o.NoResp }),
			defaultMetaRow(func(o *Op) *Meta { return &o.Meta }),
			correlator,
			itemsRow(item, func(o *Op) *[]Item { return &o.Items }),
		},
		done: func(o *Op) { trimItems(o.Items, o.Meta) },
	})
}

func correlatorOf(o *Op) *string { return &o.Correlator }

// noCorrelatorRow skips a Correlator when reading and refuses one when writing.
var noCorrelatorRow = row[Op]{
	tag:  tagCorrelator,
	many: true,
	read: func(*binder, *node, *Op) {},
	write: func(w *writer, o *Op) {
		if o.Correlator != "" {
			w.fail(tagCorrelator, "only Alert and Exec have a Correlator")
		}
	},
}

var blockShape = indexed(shape[Block]{rows: []row[Block]{
	idRow(tagCmdID, func(b *Block) *string { return &b.CmdID }),
	flagRow(tagNoResp, func(b *Block) *bool { return &b.NoResp }),
	metaRow(func(b *Block) *Meta { return &b.Meta }),
	commandsRow(func(b *Block) *[]Command { return &b.Body }),
}})

var unknownShape = indexed(shape[Unknown]{rows: []row[Unknown]{
	idRow(tagCmdID, func(u *Unknown) *string { return &u.CmdID }),
}})
