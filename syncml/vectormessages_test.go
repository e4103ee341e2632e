package syncml

var statusOfHeader = &Status{CmdID: "1", MsgRef: "2", CmdRef: "0", Cmd: CmdSyncHdr, Code: StatusOK}

func minimal(v Version) *Message {
	return &Message{
		Header: Header{
			Version: v, SessionID: "2A7", MsgID: "2",
			Target: Location{URI: "IMEI:1"}, Source: Location{URI: "http://s/dm"},
			Meta: Meta{MaxMsgSize: 5000},
		},
		Body:  []Command{statusOfHeader},
		Final: true,
	}
}

func body(final bool, cmds ...Command) *Message {
	return &Message{
		Header: Header{Version: DM12, SessionID: "1", MsgID: "1", Target: Location{URI: "t"}, Source: Location{URI: "s"}},
		Body:   cmds,
		Final:  final,
	}
}

func replaceX(m Meta, data string) *Message {
	return body(false, &Op{Cmd: CmdReplace, CmdID: "1", Items: []Item{{Target: Location{URI: "./x"}, Meta: m, Data: []byte(data)}}})
}

var chrItem = []Item{{Meta: Meta{Format: "chr"}, Data: []byte("chr")}}

// vectorMessages are what the vectors of testdata/vectors say.
var vectorMessages = map[string]*Message{
	"minimal":   minimal(DM12),
	"minimal11": minimal(DM112),
	"commands": body(false,
		&Op{Cmd: CmdAdd, CmdID: "1", Meta: Meta{Format: "node"}, Items: []Item{{Target: Location{URI: "./FwUpdate/p"}, Data: []byte{}}}},
		&Op{Cmd: CmdExec, CmdID: "2", Correlator: " c&1 ", Items: []Item{{Target: Location{URI: "./FwUpdate/p/Download"}}}},
		&Block{Cmd: CmdSequence, CmdID: "3", Body: []Command{
			&Op{Cmd: CmdReplace, CmdID: "4", Items: []Item{{
				Target: Location{URI: "./a"}, Meta: Meta{Format: "chr", Type: "text/plain"},
				Data: []byte(` <a b="c">']]> `), MoreData: true,
			}}},
			&Op{Cmd: CmdGet, CmdID: "5", Items: []Item{{Target: Location{URI: "./b"}}}},
		}},
	),
	"absent-data": body(false,
		&Op{Cmd: CmdAdd, CmdID: "1", Items: []Item{{Target: Location{URI: "a"}}}},
		&Op{Cmd: CmdGet, CmdID: "2", Items: []Item{{Target: Location{URI: "b"}, Data: []byte{}}}},
	),
	"no-cmdid": body(false, &Op{Cmd: CmdGet, Items: []Item{{Target: Location{URI: "b"}}}}),
	"unknown": body(true,
		&Unknown{Cmd: "Put", CmdID: "1"},
		&Unknown{Cmd: "Sync", CmdID: "2"},
		&Unknown{Cmd: "Reboot", CmdID: "4"},
	),
	"unknown-wbxml": body(true, &Unknown{Cmd: "Put", CmdID: "1"}, &Unknown{Cmd: "Sync", CmdID: "2"}),
	"tnds":          replaceX(Meta{}, `<MgmtTree xmlns="syncml:dmddf1.2"><VerDTD>1.2</VerDTD><Node><NodeName>a&amp;b</NodeName></Node></MgmtTree>`),
	"inside": body(false, &Op{Cmd: CmdReplace, CmdID: "1", Items: []Item{{
		Target: Location{URI: "./x"}, MoreData: true,
		Data: []byte(`a&lt;<Meta><Format>b&amp;c</Format></Meta><Final></Final>d`),
	}}}),
	"opaque": replaceX(Meta{Format: "bin"}, "\x02\x00\x00\x6a\x00\x00\x02\x60\x01\x00"),
	"status-odd": body(false,
		&Status{CmdID: "1", MsgRef: "1", CmdRef: "1", Cmd: CmdGet},
		&Status{CmdID: "2", MsgRef: "1", CmdRef: "2", Cmd: CmdGet},
		&Status{CmdID: "3", MsgRef: "1", CmdRef: "3", Cmd: CmdGet},
	),
	"data-nul": body(false,
		&Results{CmdID: "1", CmdRef: "1", Items: []Item{
			{Meta: Meta{Format: "chr"}, Data: []byte("chr")},
			{Data: []byte("chr\x00")},
		}},
		&Status{CmdID: "2", MsgRef: "1", CmdRef: "1", Cmd: CmdGet, Code: StatusOK, Items: chrItem},
		&Alert{CmdID: "3", Code: AlertGeneric, Items: chrItem},
		&Op{Cmd: CmdReplace, CmdID: "4", Items: chrItem},
	),
	"data-nul-default": body(false, &Results{CmdID: "1", CmdRef: "1", Meta: Meta{Format: "node"}, Items: []Item{{Data: []byte("a/b")}}}),
}
