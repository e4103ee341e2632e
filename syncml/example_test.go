package syncml_test

import (
	"fmt"
	"os"

	"github.com/fwbridge/fwbridge/syncml"
)

func ExampleDecode() {
	in := []byte("\x02\xa4\x01\x6a\x00\x6d\x6c\x65\x03" + "2A7\x00\x01\x5b\x03" + "1\x00\x01\x01" +
		"\x6b\x46\x4b\x03" + "1\x00\x01\x4f\x03" + "1201\x00\x01\x01\x12\x01\x01")
	m, enc, err := syncml.Decode(in, syncml.DefaultLimits)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(enc, m.Header.SessionID, m.Final)
	for _, c := range m.Body {
		if a, ok := c.(*syncml.Alert); ok {
			fmt.Println(a.ID(), a.Name(), a.Code, a.Code.Name())
		}
	}
	// Output:
	// wbxml 2A7 true
	// 1 Alert 1201 client-initiated session
}

func ExampleDescribe() {
	m := &syncml.Message{
		Header: syncml.Header{SessionID: "1", MsgID: "2", Cred: &syncml.Cred{Data: "dXNlcjpwYXNz"}},
		Body:   []syncml.Command{&syncml.Status{CmdID: "1", MsgRef: "2", Cmd: syncml.CmdSyncHdr, Code: syncml.StatusAuthenticated}},
	}
	syncml.Describe(os.Stdout, m, false)
	// Output:
	// <SyncML>
	//   <SyncHdr>
	//     <VerDTD/>
	//     <VerProto/>
	//     <SessionID>1</SessionID>
	//     <MsgID>2</MsgID>
	//     <Target>
	//       <LocURI/>
	//     </Target>
	//     <Source>
	//       <LocURI/>
	//     </Source>
	//     <Cred>
	//       <Data>[redacted]</Data>
	//     </Cred>
	//   </SyncHdr>
	//   <SyncBody>
	//     <Status>
	//       <CmdID>1</CmdID>
	//       <MsgRef>2</MsgRef>
	//       <CmdRef>0</CmdRef>
	//       <Cmd>SyncHdr</Cmd>
	//       <Data>212</Data> <!-- authentication accepted -->
	//     </Status>
	//   </SyncBody>
	// </SyncML>
}
