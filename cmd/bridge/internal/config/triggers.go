package config

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/fwbridge/fwbridge/syncml"
	"github.com/fwbridge/fwbridge/syncml/notify"
)

// Triggers are the channels of Package 0.
type Triggers struct {
	In  TriggersIn  `yaml:"in"`
	Out TriggersOut `yaml:"out"`
}

// TriggersIn is where triggers of the legacy DM servers come in.
type TriggersIn struct {
	DefaultNonce notify.DefaultPolicy `yaml:"default_nonce"`
	ReplayWindow time.Duration        `yaml:"replay_window" min:"1m" max:"8760h"`
	PeerRate     int                  `yaml:"peer_rate" min:"1" max:"10000000"` // triggers a minute
	UDP          []TriggerUDP         `yaml:"udp" max:"1000"`
	PAP          TriggerHTTP          `yaml:"pap"`
	Kannel       TriggerHTTP          `yaml:"kannel"`
}

// TriggerUDP is a UDP listener for WAP push.
type TriggerUDP struct {
	Listen string    `yaml:"listen" required:"a UDP address, such as :2948"`
	Device string    `yaml:"device"` // endpoint name; "" is the only device of the trigger's server
	Peers  []Network `yaml:"peers" max:"1000"`
}

// TriggerHTTP is the listener of one HTTP channel.
type TriggerHTTP struct {
	Listen     string        `yaml:"listen"` // TCP address; empty has no listener
	User       string        `yaml:"user"`
	Secret     syncml.Secret `yaml:"secret"`
	SecretFile string        `yaml:"secret_file"`
	Peers      []Network     `yaml:"peers" max:"1000"`
}

// TriggersOut is the gateway by which the bridge sends triggers.
type TriggersOut struct {
	Channel    OutChannel    `yaml:"channel"`
	URL        string        `yaml:"url"` // of the gateway; none for UDP
	User       string        `yaml:"user"`
	Secret     syncml.Secret `yaml:"secret"`
	SecretFile string        `yaml:"secret_file"`
	Timeout    time.Duration `yaml:"timeout" min:"1s" max:"10m"` // of one try
	Tries      int           `yaml:"tries" min:"1" max:"100"`
	BackoffMin time.Duration `yaml:"backoff_min" min:"1s" max:"24h"`
	BackoffMax time.Duration `yaml:"backoff_max" min:"1s" max:"168h"`
}

// OutChannel is how triggers are sent.
type OutChannel uint8

// The channels.
const (
	OutNone OutChannel = iota
	OutUDP
	OutPAP
	OutKannel
)

// Network is an address, or a network as address/bits.
type Network string

func (n Network) check() error {
	if _, err := n.parse(); err != nil {
		return errors.New("want an address or a network, such as 192.0.2.7 or 192.0.2.0/24")
	}
	return nil
}

func (n Network) parse() (netip.Prefix, error) {
	if addr, err := netip.ParseAddr(string(n)); err == nil {
		return addr.Unmap().WithZone("").Prefix(addr.Unmap().BitLen())
	}
	return netip.ParsePrefix(string(n))
}

// Prefixes are the networks of a list that was checked.
func Prefixes(list []Network) []netip.Prefix {
	var all []netip.Prefix
	for _, n := range list {
		if p, err := n.parse(); err == nil {
			all = append(all, p)
		}
	}
	return all
}

func defaultTriggers() Triggers {
	return Triggers{
		In:  TriggersIn{ReplayWindow: 24 * time.Hour, PeerRate: 6000},
		Out: TriggersOut{Timeout: 30 * time.Second, Tries: 5, BackoffMin: 10 * time.Second, BackoffMax: 10 * time.Minute},
	}
}

// check holds the keys against each other and reads the secret files.
func (t *Triggers) check(b *binder) {
	for i, u := range t.In.UDP {
		key := fmt.Sprintf("triggers.in.udp[%d].listen", i)
		if _, written := b.lines[key]; written {
			checkListener(b, key, u.Listen)
		}
	}
	t.In.PAP.check(b, "triggers.in.pap")
	t.In.Kannel.check(b, "triggers.in.kannel")
	t.Out.check(b, "triggers.out")
}

func (h *TriggerHTTP) check(b *binder, path string) {
	h.Secret = b.secretOf(path, h.Secret, h.SecretFile)
	if h.Listen == "" {
		if h.User != "" || h.Secret != "" || len(h.Peers) > 0 {
			b.failAt(path+".listen", "is missing; without it there is no such channel, and the other keys have no effect")
		}
		return
	}
	checkListener(b, path+".listen", h.Listen)
	secret := h.Secret != "" || h.SecretFile != ""
	switch {
	case secret != (h.User != ""):
		b.failAt(path+".user", "and secret (or secret_file) belong together; one of them is missing")
	case !secret && len(h.Peers) == 0:
		b.failAt(path+".user", "is missing, and so are peers: anybody could send triggers; give user and secret, or peers")
	}
}

func (o *TriggersOut) check(b *binder, path string) {
	o.Secret = b.secretOf(path, o.Secret, o.SecretFile)
	gateway := o.Channel == OutPAP || o.Channel == OutKannel
	switch {
	case gateway && o.URL == "":
		b.failAt(path+".url", "is missing; it is that of the gateway")
	case gateway:
		if err := checkURL(o.URL); err != nil {
			b.failAt(path+".url", "%v", strings.ReplaceAll(err.Error(), "account.client", path+".user"))
		}
	case o.URL != "" || o.User != "" || o.Secret != "":
		b.failAt(path+".channel", "%s has no gateway: url, user and secret have no effect", Word(o.Channel))
	}
	if secret := o.Secret != "" || o.SecretFile != ""; gateway && secret != (o.User != "") {
		b.failAt(path+".user", "and secret (or secret_file) belong together; one of them is missing")
	}
	if o.BackoffMin > o.BackoffMax {
		b.failAt(path+".backoff_min", "%v is more than %s.backoff_max %v", o.BackoffMin, path, o.BackoffMax)
	}
}

// secretOf is the secret of a key, or that of its file.
func (b *binder) secretOf(path string, secret syncml.Secret, file string) syncml.Secret {
	if file == "" {
		return secret
	}
	if secret != "" {
		b.failAt(path+".secret_file", "and secret are both given; remove one")
		return secret
	}
	text, err := b.readSecret(file)
	if err != nil {
		b.failAt(path+".secret_file", "%v", err)
	}
	return syncml.Secret(text)
}

// checkListener wants host:port.
func checkListener(b *binder, key, value string) {
	_, port, err := net.SplitHostPort(value)
	if n, perr := strconv.ParseUint(port, 10, 16); err != nil || perr != nil || n > 65535 {
		b.failAt(key, "%q: want an address and a port of 0 to 65535, such as :5683 or 127.0.0.1:8080", value)
	}
}
