package lwm2mdevice

import (
	"context"
	"strings"
	"unicode/utf8"

	"github.com/plgd-dev/go-coap/v3/message/codes"

	"github.com/fwbridge/fwbridge/lwm2m9"
	"github.com/fwbridge/fwbridge/lwm2m9/wire"
)

func splitPath(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r == '/' })
}

// writeOp says what a Write writes.
func (d *Device) writeOp(path []string, req request) Op {
	if len(path) < 2 || path[0] != "9" || req.attributes() {
		return OpWrite
	}
	switch rid, _, _ := written(path, req); rid {
	case lwm2m9.RIDPackageURI:
		return OpWriteURI
	case lwm2m9.RIDPackage:
		return OpWritePackage
	}
	return OpWrite
}

// attributes says that it is a Write-Attributes: a PUT without payload that
// has a query.
func (r request) attributes() bool {
	return r.method == codes.PUT && len(r.payload) == 0 && len(r.query) > 0
}

// written takes a Write apart: the one resource of Object 9 that it writes,
// and its value. The code is 0 or says what is wrong.
func written(path []string, req request) (lwm2m9.ResourceID, []byte, lwm2m9.ResponseCode) {
	rid := lwm2m9.ResourceID(noResource)
	if len(path) == 3 {
		for _, r := range lwm2m9.Resources(lwm2m9.Registered) {
			if itoa(uint16(r.ID)) == path[2] {
				rid = r.ID
			}
		}
		if rid == noResource {
			return rid, nil, lwm2m9.CodeNotFound
		}
	}
	switch req.format {
	case tlv, oldTLV:
		return writtenTLV(rid, req.payload)
	case noFormat, textPlain, octetStream:
		if rid == noResource {
			return rid, nil, lwm2m9.CodeBadRequest
		}
		return rid, req.payload, 0
	}
	return rid, nil, lwm2m9.CodeUnsupportedFormat
}

// noResource is no resource of Object 9.
const noResource = 0xffff

func writtenTLV(rid lwm2m9.ResourceID, payload []byte) (lwm2m9.ResourceID, []byte, lwm2m9.ResponseCode) {
	items, err := wire.DecodeTLV(payload)
	if err != nil {
		return rid, nil, lwm2m9.CodeBadRequest
	}
	if len(items) == 1 && items[0].Kind == wire.KindInstance {
		items = items[0].Items
	}
	if len(items) != 1 || items[0].Kind != wire.KindResource || rid != noResource && uint16(rid) != items[0].ID {
		return rid, nil, lwm2m9.CodeBadRequest
	}
	return lwm2m9.ResourceID(items[0].ID), items[0].Value, 0
}

// write carries out a Write (LwM2M 1.1 Core, 6.3.3).
func (b *boot) write(ctx context.Context, op Op, path []string, req request) answer {
	s := b.d.find(path)
	switch {
	case path[0] == "9" && s == nil:
		return answer{code: lwm2m9.CodeNotFound}
	case req.attributes():
		return answer{code: lwm2m9.CodeChanged}
	case path[0] != "9":
		return answer{code: lwm2m9.CodeMethodNotAllowed}
	}
	if req.format == noFormat {
		if _, ok := b.d.faults.strike(IgnoreUnformatted, nil); ok {
			return answer{code: lwm2m9.CodeChanged}
		}
	}
	rid, value, code := written(path, req)
	switch {
	case code != 0:
		return answer{code: code}
	case op != OpWriteURI && op != OpWritePackage:
		return b.writeOther(rid)
	case s.busy != AnyStep || !s.m.Answer(rid, b.d.options()).Success():
		return b.d.wrongState()
	case op == OpWriteURI:
		return b.writeURI(ctx, s, string(value))
	}
	return b.writePackage(ctx, s, value)
}

// writeOther takes User Name and Password of the registered dialect and
// forgets them; nothing else can be written.
func (b *boot) writeOther(rid lwm2m9.ResourceID) answer {
	if b.d.cfg.Dialect == lwm2m9.Registered && (rid == lwm2m9.RIDUserName || rid == lwm2m9.RIDPassword) {
		return answer{code: lwm2m9.CodeChanged}
	}
	return answer{code: lwm2m9.CodeMethodNotAllowed}
}

// writeURI starts a download. A URI that cannot be fetched from is refused at
// once, and the result says so, as real clients do.
func (b *boot) writeURI(ctx context.Context, s *software, uri string) answer {
	if uri == "" || len(uri) > lwm2m9.MaxURI || !utf8.ValidString(uri) {
		return answer{code: lwm2m9.CodeBadRequest}
	}
	if _, err := b.d.checkURI(uri); err != nil {
		s.m.Result = lwm2m9.ResultInvalidURI
		b.show(ctx, s)
		return answer{code: lwm2m9.CodeBadRequest}
	}
	s.uri = uri
	b.apply(ctx, s, lwm2m9.EventWrite, 0)
	b.download(ctx, s)
	return answer{code: lwm2m9.CodeChanged}
}

// writePackage takes a package that was pushed.
func (b *boot) writePackage(ctx context.Context, s *software, body []byte) answer {
	if int64(len(body)) > b.d.cfg.MaxPackage {
		return answer{code: lwm2m9.CodeTooLarge}
	}
	b.apply(ctx, s, lwm2m9.EventWrite, 0)
	got := fetched{body: append([]byte(nil), body...)}
	b.work(ctx, s, Downloading, func() {
		if f, ok := b.d.faults.strike(FailDownload, nil); ok {
			b.downloadFailed(ctx, s, f.Result, "fault "+f.String())
			return
		}
		b.fetched(ctx, s, got, nil)
	})
	return answer{code: lwm2m9.CodeChanged}
}

// wantedID is the instance id that a Create asks for. asked is false when it
// leaves the choice to the device, ok is false when the payload makes no sense.
func wantedID(req request) (id lwm2m9.InstanceID, asked, ok bool) {
	if len(req.payload) == 0 {
		return 0, false, true
	}
	if req.format != tlv && req.format != oldTLV {
		return 0, false, false
	}
	items, err := wire.DecodeTLV(req.payload)
	if err != nil || len(items) == 0 {
		return 0, false, false
	}
	if items[0].Kind != wire.KindInstance {
		return 0, false, true // bare resources: nothing that Create could set here
	}
	return lwm2m9.InstanceID(items[0].ID), true, len(items) == 1
}

// uninstallArgument says whether the registered dialect knows the argument of
// an Uninstall: none, 0 or 1, bare or as the value of argument 0.
func uninstallArgument(payload []byte) bool {
	args, err := wire.ParseArguments(payload)
	if err != nil || len(args) > 1 {
		return false
	}
	if len(args) == 0 {
		return true
	}
	a := args[0]
	return !a.HasValue && a.ID <= 1 || a.HasValue && a.ID == 0 && (a.Value == "0" || a.Value == "1")
}
