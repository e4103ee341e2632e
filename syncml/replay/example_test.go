package replay_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"os"

	"github.com/fwbridge/fwbridge/fwupdate"
	"github.com/fwbridge/fwbridge/syncml"
	"github.com/fwbridge/fwbridge/syncml/replay"
)

// myServer stands for the DM server under test.
var myServer = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	http.Error(w, "closed for the night", http.StatusServiceUnavailable)
})

// A recorded client is played to a DM server under test.
func ExampleReplayer_AsClient() {
	rec, err := replay.Load("../../testdata/sessions/auth-md5")
	if err != nil {
		log.Fatal(err)
	}
	r := replay.New(replay.Options{Client: replay.Credentials{User: "user", Secret: "pass"}})
	server := replay.Handler(myServer, "http://dm.example.com/dm") // or replay.URL(address, nil)
	for _, s := range rec.Sessions {
		result, err := r.AsClient(context.Background(), s, server)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(s.Name, result.OK())
		result.WriteText(os.Stdout, false)
	}
	// Output:
	// session 1 of IMEI:490154203237518 false
	//   02-s2c.xml: HTTP status 503, recorded was 200
	//   04-s2c.xml: HTTP status 503, recorded was 200
	//   06-s2c.xml: HTTP status 503, recorded was 200
	// session 2 of IMEI:490154203237518 false
	//   08-s2c.xml: HTTP status 503, recorded was 200
}

// A recorded server is played to a DM client with a tree of the caller's.
func ExampleReplayer_AsServer() {
	rec, err := replay.Load("../../testdata/sessions/large-object")
	if err != nil {
		log.Fatal(err)
	}
	tree := fwupdate.NewTree(fwupdate.Identity{DeviceID: "IMEI:490154203237518", Manufacturer: "Acme", Model: "R3", Language: "en", DMVersion: "1.2"})
	tree.SetRoles(map[string]fwupdate.Role{"dmserver": fwupdate.Manager})
	r := replay.New(replay.Options{Server: replay.Credentials{User: "dmserver"}})
	client, err := r.NewClient(rec.Sessions[0], tree)
	if err != nil {
		log.Fatal(err)
	}
	result, err := r.AsServer(context.Background(), rec.Sessions[0], client)
	if err != nil {
		log.Fatal(err)
	}
	result.WriteText(os.Stdout, false)
	// Output:
	//   01-c2s.xml
	//     SyncBody/Replace/Item/Data (./DevInfo/Mod)
	//               <Type>text/plain</Type>
	//             </Meta>
	//       -     <Data>R2</Data>
	//       +     <Data>R3</Data>
	//           </Item>
	//         </Replace>
}

// Two messages are compared as a replay does it.
func ExampleCompare() {
	want := &syncml.Message{Header: syncml.Header{Version: syncml.DM12, SessionID: "1", MsgID: "2"}, Body: []syncml.Command{
		&syncml.Status{CmdID: "1", MsgRef: "1", CmdRef: "4", Cmd: syncml.CmdAdd, Code: syncml.StatusOK},
	}}
	got := want.Normal()
	got.Body[0].(*syncml.Status).CmdID = "17"
	fmt.Println("another CmdID:", replay.Compare(want, got, replay.FromClient) == nil)
	got.Body[0].(*syncml.Status).Code = syncml.StatusAlreadyExists
	for _, line := range replay.Compare(want, got, replay.FromClient) {
		if line.Op != replay.Same {
			fmt.Println(line.Op, line.Text)
		}
	}
	// Output:
	// another CmdID: true
	// - <Data>200</Data> <!-- ok -->
	// + <Data>418</Data> <!-- already exists -->
}
