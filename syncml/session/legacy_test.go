package session

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fwbridge/fwbridge/syncml"
)

// body is a server's message as text: what deployed servers write and our
// encoder never would.
func (p *peer) body(commands string) []byte {
	p.msgID++
	return fmt.Appendf(nil, `<SyncML xmlns="SYNCML:SYNCML1.2"><SyncHdr><VerDTD>1.2</VerDTD><VerProto>DM/1.2</VerProto><SessionID>2A7</SessionID>`+
		`<MsgID>%d</MsgID><Target><LocURI>%s</LocURI></Target><Source><LocURI>%s</LocURI></Source></SyncHdr><SyncBody>`+
		`<Status><CmdID>s1</CmdID><MsgRef>%s</MsgRef><CmdRef>0</CmdRef><Cmd>SyncHdr</Cmd><Data>200</Data></Status>%s<Final/></SyncBody></SyncML>`,
		p.msgID, deviceID, dmURL, p.last.Header.MsgID, commands)
}

// hears gives the client such a message, and says what it answers.
func (p *peer) hears(body []byte) string {
	p.t.Helper()
	out := p.took(p.c.Receive(body, p.tree, p.nonce))
	if out.End != EndNot {
		return "end: " + out.End.String() + "\n"
	}
	return brief(p.last)
}

// said is what the client answers to the commands of a server.
func said(t *testing.T, p *peer, cmds ...syncml.Command) string {
	t.Helper()
	return p.hears(encode(t, p.message(212, cmds...)))
}

func fresh(t *testing.T, change ...func(*Account)) *peer {
	t.Helper()
	acc := account()
	for _, f := range change {
		f(&acc)
	}
	p, _ := start(t, acc, Nonces{Client: []byte("n0"), Server: []byte("s0")})
	return p
}

func withClientMD5(a *Account) { a.Client = clientMD5 }
func withServerMD5(a *Account) { a.Server = serverMD5 }

const (
	ok212   = "Status SyncHdr - 212"
	addName = "<Add><CmdID>2</CmdID><Item><Target><LocURI>./FwUpdate/x/PkgName</LocURI></Target>%s</Item></Add>"
	getName = "<Get><CmdID>3</CmdID><Item><Target><LocURI>./FwUpdate/x/PkgName</LocURI></Target></Item></Get>"
)

// named is the answer to addName and getName when all went well.
func named(value string) string {
	return lines(ok212, "Status Add "+pkgName+" 200", "Status Get "+pkgName+" 200", "Results "+pkgName+"="+value, "Final")
}

// TestLegacy is legacy-clients.md line by line, read as what servers were used
// to: peer behaviour, and what we do.
func TestLegacy(t *testing.T) {
	for _, tt := range []struct {
		behaviour string
		happens   func(t *testing.T) string
		want      string
	}{
		{"a session id is text, and 0 is legal", func(t *testing.T) string {
			p := &peer{t: t, c: NewClient(account(), Nonces{}, syncml.AlertServerInitiated, "0", nil), tree: newTree()}
			p.took(p.c.Open(p.tree))
			m := p.message(212, get(st))
			m.Header.SessionID = "0"
			return p.last.Header.SessionID + "\n" + p.hears(encode(t, m))
		}, lines("0", ok212, "Status Get "+st+" 404", "Final")},
		{"a byte-swapped id is the id of the session", func(t *testing.T) string {
			p := &peer{t: t, c: NewClient(account(), Nonces{}, syncml.AlertServerInitiated, "3412", nil), tree: newTree()}
			p.took(p.c.Open(p.tree))
			return p.last.Header.SessionID + "\n"
		}, lines("3412")},
		{"CmdIDs begin at 1 in each message", func(t *testing.T) string {
			p := fresh(t)
			got := p.last.Body[0].ID()
			said(t, p, get(st))
			return got + p.last.Body[0].ID() + "\n"
		}, lines("11")},
		{"values with markup come as CDATA, also in a LocURI", func(t *testing.T) string {
			p := fresh(t)
			add := strings.Replace(fmt.Sprintf(addName, "<Data><![CDATA[a<b>&c]]></Data>"), "./FwUpdate/x/PkgName", "<![CDATA[./FwUpdate/x/PkgName]]>", 1)
			return p.hears(p.body(add + getName))
		}, named("a<b>&c")},
		{"an answer in WBXML to a message in XML", func(t *testing.T) string {
			p := fresh(t)
			b, err := syncml.Encode(p.message(212, get(st)), syncml.WBXML)
			if err != nil {
				t.Fatal(err)
			}
			return p.hears(b)
		}, lines(ok212, "Status Get "+st+" 404", "Final")},
		{"DevInfo is one Replace, its Items have a Source and no Target", func(t *testing.T) string {
			o := fresh(t).last.Body[1].(*syncml.Op)
			var b strings.Builder
			for _, it := range o.Items {
				fmt.Fprintf(&b, "%s%s ", it.Source.URI, it.Target.URI)
			}
			return b.String() + "\n"
		}, lines("./DevInfo/DevId ./DevInfo/Man ./DevInfo/Mod ./DevInfo/DmV ./DevInfo/Lang ")},
		{"a Get with n Items: n Statuses, one Results, URIs as the server spelled them", func(t *testing.T) string {
			return said(t, fresh(t), add(pkgName, "n"), &syncml.Op{Cmd: syncml.CmdGet, Items: []syncml.Item{
				get("FwUpdate/x/PkgName").Items[0], get("./FwUpdate/none").Items[0], get("./FwUpdate/x/State").Items[0]}})
		}, lines(ok212, "Status Add "+pkgName+" 200", "Status Get FwUpdate/x/PkgName 200", "Status Get ./FwUpdate/none 404",
			"Status Get ./FwUpdate/x/State 200", "Results FwUpdate/x/PkgName=n ./FwUpdate/x/State=10", "Final")},
		{"the server's MaxMsgSize is kept", func(t *testing.T) string {
			p := fresh(t)
			m := p.message(212, slicesOf(20, get("./DevInfo/DevId"))...)
			m.Header.Meta.MaxMsgSize = 2000
			p.hears(encode(t, m))
			return fmt.Sprintln(len(p.last.Body) < 20, p.last.Final)
		}, lines("true false")},
		{"a message with Statuses only ends the session without another one", func(t *testing.T) string {
			return said(t, fresh(t))
		}, lines("end: done")},
		{"markup goes out without numeric references", func(t *testing.T) string {
			p := fresh(t)
			out := p.say(p.message(212, add(pkgName, `'"<&>`+"\n"), get(pkgName)))
			return fmt.Sprintln(strings.Contains(string(out.Send), "&#"))
		}, lines("false")},

		{"numeric character references", func(t *testing.T) string {
			p := fresh(t)
			return p.hears(p.body(fmt.Sprintf(addName, "<Data>&#39;&#x21;&#34;</Data>") + getName))
		}, named(`'!"`)},
		{"xmlns on Meta itself", func(t *testing.T) string {
			p := fresh(t)
			return p.hears(p.body(fmt.Sprintf(addName, `<Meta xmlns="syncml:metinf"><Format>chr</Format></Meta><Data>n</Data>`) + getName))
		}, named("n")},
		{"namespace prefixes", func(t *testing.T) string {
			p := fresh(t)
			return p.hears(p.body(fmt.Sprintf(addName, `<Meta xmlns:m="syncml:metinf"><m:Format>chr</m:Format></Meta><Data>n</Data>`) + getName))
		}, named("n")},
		{"unknown elements in a command", func(t *testing.T) string {
			p := fresh(t)
			return p.hears(p.body(fmt.Sprintf(addName, `<Vendor><X>1</X></Vendor><Data>n</Data>`) + getName))
		}, named("n")},
		{"an unknown command", func(t *testing.T) string {
			p := fresh(t)
			return p.hears(p.body(`<Vendor><CmdID>2</CmdID></Vendor>` + getName))
		}, lines(ok212, "Status Vendor  400", "Status Get "+pkgName+" 404", "Final")},
		{"an Item of Add without Data", func(t *testing.T) string {
			p := fresh(t)
			return p.hears(p.body(fmt.Sprintf(addName, "") + getName))
		}, lines(ok212, "Status Add "+pkgName+" 412", "Status Get "+pkgName+" 404", "Final")},
		{"an interior node without Data", func(t *testing.T) string {
			p := fresh(t)
			return p.hears(p.body(`<Add><CmdID>2</CmdID><Item><Target><LocURI>./FwUpdate/x</LocURI></Target>` +
				`<Meta><Format xmlns="syncml:metinf">node</Format></Meta></Item></Add>`))
		}, lines(ok212, "Status Add ./FwUpdate/x 200", "Final")},
		{"Sequence", func(t *testing.T) string { return said(t, fresh(t), sequence(add(pkgName, "n"))) },
			lines(ok212, "Status Sequence  200", "Status Add "+pkgName+" 200", "Final")},
		{"Cred where the device knows no credentials of the server", func(t *testing.T) string {
			p := fresh(t)
			p.cred = serverMD5.cred(SchemeMD5, []byte("whatever"))
			return said(t, p, get(st))
		}, lines(ok212, "Status Get "+st+" 404", "Final")},
		{"a NextNonce whose base64 ends in exactly one =", func(t *testing.T) string {
			p := fresh(t, withClientMD5)
			p.say(challenge(p.message(401), "syncml:auth-md5", "17 bytes of nonce"))
			return fmt.Sprintln(strings.HasSuffix(base64.StdEncoding.EncodeToString([]byte("17 bytes of nonce")), "="),
				cmp.Equal(p.last.Header.Cred, clientMD5.cred(SchemeMD5, []byte("17 bytes of nonce"))))
		}, lines("true true")},
		{"401 for SyncHdr only", func(t *testing.T) string {
			p := fresh(t, withClientMD5)
			m := challenge(p.message(401), "syncml:auth-md5", "n1")
			m.Body = m.Body[:1]
			return p.hears(encode(t, m))
		}, lines(ok212, "Alert 1201", "Replace", "Final")},
		{"another demand for Cred after 212", func(t *testing.T) string {
			p := fresh(t, withClientMD5)
			said(t, p, get(st))
			before := p.last.Header.Cred == nil
			p.say(challenge(p.message(401), "syncml:auth-md5", "n1"))
			return fmt.Sprintln(before, p.last.Header.Cred != nil, brief(p.last))
		}, lines("true true " + lines(ok212, "Status Get "+st+" 404", "Final"))},
		{"a message of 60 kB", func(t *testing.T) string {
			p := fresh(t)
			return p.hears(p.body(strings.Repeat(" ", 60<<10) + getName))
		}, lines(ok212, "Status Get "+pkgName+" 404", "Final")},
		{"answers longer than a message", func(t *testing.T) string {
			p := fresh(t)
			var got []string
			m := p.message(212, slicesOf(400, get("./DevInfo/DevId"))...)
			m.Header.Meta.MaxMsgSize = 16384
			for got = append(got, p.hears(encode(t, m))); !p.last.Final; {
				got = append(got, said(t, p, alert(syncml.AlertNextMessage)))
			}
			return fmt.Sprintln(strings.Count(strings.Join(got, ""), "Status Get"), strings.Count(strings.Join(got, ""), "Results"), len(got) < 12)
		}, lines("400 400 true")},
		{"braces in a URI", func(t *testing.T) string { return said(t, fresh(t), add("./FwUpdate/{x}/PkgName", "n")) },
			lines(ok212, "Status Add ./FwUpdate/{x}/PkgName 200", "Final")},
		{"braces escaped", func(t *testing.T) string { return said(t, fresh(t), add("./FwUpdate/%7Bx%7D/PkgName", "n")) },
			lines(ok212, "Status Add ./FwUpdate/%7Bx%7D/PkgName 200", "Final")},

		{"401 and Chal: the same commands again, in the same session", func(t *testing.T) string {
			p := fresh(t, withClientMD5)
			p.say(challenge(p.message(401), "syncml:auth-md5", "n1"))
			return p.last.Header.SessionID + " " + p.last.Header.MsgID + " " + p.last.Body[1].ID() + "\n" + brief(p.last)
		}, lines("2A7 2 2") + lines(ok212, "Alert 1201", "Replace", "Final")},
		{"a wrong password is not repeated without end", func(t *testing.T) string {
			p := fresh(t, withClientMD5)
			for range MaxAuthTries {
				p.say(challenge(p.message(401), "syncml:auth-md5", "n1"))
			}
			return p.hears(encode(t, challenge(p.message(401), "syncml:auth-md5", "n1")))
		}, lines("end: credentials refused")},
		{"the server's stale nonce: 401 for every command, nothing carried out", func(t *testing.T) string {
			p := fresh(t, withServerMD5)
			p.cred = serverMD5.cred(SchemeMD5, []byte("stale"))
			return said(t, p, add(pkgName, "n"), get(st)) + fmt.Sprintln(len(p.tree.Packages()))
		}, lines("Status SyncHdr - 401 Chal", "Status Add "+pkgName+" 401", "Status Get "+st+" 401", "Final", "0")},
		{"and its commands again with the new one", func(t *testing.T) string {
			p := fresh(t, withServerMD5)
			p.cred = serverMD5.cred(SchemeMD5, []byte("stale"))
			said(t, p, add(pkgName, "n"))
			nonce, _ := nextNonce(p.last.Body[0].(*syncml.Status).Chal)
			p.cred = serverMD5.cred(SchemeMD5, nonce)
			return said(t, p, add(pkgName, "n"))
		}, lines("Status SyncHdr - 212 Chal", "Status Add "+pkgName+" 200", "Final")},
		{"Status with 0", func(t *testing.T) string {
			p := fresh(t)
			m := p.message(212, get(st))
			m.Body[0].(*syncml.Status).Code = 0
			return p.hears(encode(t, m))
		}, lines("end: protocol error")},
		{"a Status that nobody defined is success or failure by its first digit", func(t *testing.T) string {
			p := fresh(t)
			m := p.message(212)
			m.Body[0].(*syncml.Status).Code = 299
			got := p.hears(encode(t, m))
			p = fresh(t)
			m = p.message(212)
			m.Body[0].(*syncml.Status).Code = 699
			return got + p.hears(encode(t, m))
		}, lines("end: done", "end: protocol error")},
		{"Atomic is atomic and has a Status of its own", func(t *testing.T) string {
			return said(t, fresh(t), atomic(add(pkgName, "n"), add(st, "1")), get(pkgName))
		}, lines(ok212, "Status Atomic  507", "Status Add "+pkgName+" 216", "Status Add "+st+" 405", "Status Get "+pkgName+" 404", "Final")},
		{"Alert 1222", func(t *testing.T) string { return said(t, fresh(t), alert(syncml.AlertNextMessage)) },
			lines(ok212, "Status Alert  200", "Final")},
		{"Alert 1223", func(t *testing.T) string { return said(t, fresh(t), alert(syncml.AlertSessionAbort)) },
			lines("end: aborted by the server")},
		{"a second chunk", func(t *testing.T) string {
			p := fresh(t)
			said(t, p, first("ab", 6))
			return said(t, p, middle("cd"))
		}, lines(ok212, "Status Add "+pkgName+" 213", "Alert 1222")},
		{"Add of an existing node", func(t *testing.T) string { return said(t, fresh(t), add(pkgName, "n"), add(pkgName, "n")) },
			lines(ok212, "Status Add "+pkgName+" 200", "Status Add "+pkgName+" 418", "Final")},
		{"Replace of a missing node and of an interior one", func(t *testing.T) string {
			return said(t, fresh(t), replace(pkgName, "n"), add(pkgName, "n"), replace("./FwUpdate/x", "n"))
		}, lines(ok212, "Status Replace "+pkgName+" 404", "Status Add "+pkgName+" 200", "Status Replace ./FwUpdate/x 405", "Final")},
		{"FwUpdate/ without the ./", func(t *testing.T) string { return said(t, fresh(t), add("FwUpdate/x/PkgName", "n"), get(pkgName)) },
			lines(ok212, "Status Add FwUpdate/x/PkgName 200", "Status Get "+pkgName+" 200", "Results "+pkgName+"=n", "Final")},

		{"elements in another order", func(t *testing.T) string {
			p := fresh(t)
			return p.hears(p.body(`<Add><Item><Data>n</Data><Target><LocURI>./FwUpdate/x/PkgName</LocURI></Target></Item><CmdID>2</CmdID></Add>` + getName))
		}, named("n")},
		{"MetInf around the elements of Meta", func(t *testing.T) string {
			p := fresh(t)
			return p.hears(p.body(fmt.Sprintf(addName, `<Meta><MetInf xmlns="syncml:metinf"><Format>chr</Format></MetInf></Meta><Data>n</Data>`) + getName))
		}, named("n")},
		{"a NUL byte at the end of a value", func(t *testing.T) string {
			p := fresh(t)
			b := []byte(strings.ReplaceAll(string(p.body(fmt.Sprintf(addName, `<Meta><Format xmlns="syncml:metinf">chr</Format></Meta><Data>n</Data>`)+getName)), "<Data>n<", "<Data>n\x00<"))
			return p.hears(b)
		}, named("n")},
	} {
		t.Run(tt.behaviour, func(t *testing.T) {
			if d := cmp.Diff(tt.want, tt.happens(t)); d != "" {
				t.Error(d)
			}
		})
	}
}

// slicesOf is the same command n times.
func slicesOf(n int, cmd syncml.Command) []syncml.Command {
	all := make([]syncml.Command, n)
	for i := range all {
		all[i] = cmd
	}
	return all
}
