package demo

import (
	"time"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/engine"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/sim/dmserver"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/sim/lwm2mdevice"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/sim/pkgserver"
	"github.com/fwbridge/fwbridge/fwupdate"
	"github.com/fwbridge/fwbridge/lwm2m9"
	"github.com/fwbridge/fwbridge/mapping"
	"github.com/fwbridge/fwbridge/syncml"
	"github.com/fwbridge/fwbridge/syncml/session"
)

// What the two sides of the demo agreed on.
const (
	password = syncml.Secret("demo-password")
	serverID = "demo-dm-server"
	pkgID    = "pkg1"
	pkgName  = "radio"
	pkgVer   = "2.0"
)

// timing is slow enough for a person to see each state.
var timing = lwm2mdevice.Timing{
	Download: 400 * time.Millisecond, Verify: 300 * time.Millisecond, Install: 600 * time.Millisecond,
	Activate: 200 * time.Millisecond, Uninstall: 100 * time.Millisecond, Reboot: 300 * time.Millisecond,
}

// policy waits less than a bridge in the field would.
func policy() mapping.Policy {
	p := mapping.DefaultPolicy()
	p.Poll, p.Settle, p.Retry = time.Second, 400*time.Millisecond, 500*time.Millisecond
	return p
}

func (s *stage) dmConfig() dmserver.Config {
	c := dmserver.Config{URL: s.dmURL, Auth: dmserver.AuthMD5, ServerID: serverID, Log: s.cfg.Log}
	for _, p := range s.parts {
		c.Accounts = append(c.Accounts, dmserver.Account{Device: p.deviceID, Password: password})
		c.Campaigns = append(c.Campaigns, dmserver.Campaign{
			Device: p.deviceID, Package: pkgID, Name: pkgName, Version: pkgVer,
			URL: s.packs + pkgserver.Path(p.serves, pkgName, pkgVer), Correlator: "job-" + p.deviceID,
		})
	}
	return c
}

func (s *stage) deviceConfig(p part, server string) lwm2mdevice.Config {
	return lwm2mdevice.Config{
		Endpoint: p.endpoint, Server: server, Dialect: p.dialect, Timing: timing, Faults: p.faults(), Log: s.cfg.Log,
	}
}

// directory is the operator's part of the demo: which device belongs to whom.
type directory map[string]session.Account

func (s *stage) directory() directory {
	d := directory{}
	for _, p := range s.parts {
		d[p.endpoint] = session.Account{
			DeviceID: p.deviceID, ServerID: serverID, URL: s.dmURL, Version: p.version, Encoding: p.encoding,
			Client: session.Credentials{Scheme: session.SchemeMD5, User: p.deviceID, Secret: password}, MaxMsgSize: 16 << 10,
		}
	}
	return d
}

// AccountFor implements engine.Directory.
func (d directory) AccountFor(endpoint string) (engine.ServerInfo, session.Account, bool) {
	acc, ok := d[endpoint]
	info := engine.ServerInfo{Name: "legacy", Poll: time.Minute, Role: fwupdate.Manager}
	if acc.Version == syncml.DM112 {
		info.Poll = 400 * time.Millisecond // nobody will tell this server: it has to ask
	}
	return info, acc, ok
}

// PolicyFor implements engine.Directory.
func (directory) PolicyFor(string) mapping.Policy { return policy() }

// DialectFor implements engine.Directory: the demo shows the detection.
func (directory) DialectFor(string) lwm2m9.Dialect { return lwm2m9.DialectUnknown }
