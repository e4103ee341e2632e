package wire

import (
	"fmt"
	"math"
	"strings"
)

// The limits of records, besides those of [Decode].
const (
	MaxRecordFields = 32 // fields of one record
	MaxRecordName   = 64 // bytes of a name and of a base name; the longest path has 24
	MaxNesting      = 8  // levels inside a field that is ignored
)

// senMLVersion is the highest version of SenML that is understood (RFC 8428, 4.4).
const senMLVersion = 10

// A field is what stands under a label in a record of SenML or LwM2M JSON.
type field uint8

// The fields. The values begin at fieldNumber.
const (
	fieldOther field = iota // not known, ignored
	fieldIgnored
	fieldRefused
	fieldVersion
	fieldBaseName
	fieldBaseTime
	fieldName
	fieldTime
	fieldNumber
	fieldString
	fieldBoolean
	fieldOpaque
	fieldLink
)

// fieldRow is a row of the table of labels.
type fieldRow struct {
	field field
	json  string
	cbor  int64
	lwm2m string
}

// fields is the one table of labels: of SenML JSON and SenML CBOR (RFC 8428, table
// 4 and 6; LwM2M 1.1 Core, table 7.4.4-1 with "vlo") and of LwM2M JSON (LwM2M
// 1.0, 6.4.4). Units and update times are of no use here. Base values and sums
// change the meaning of a value, and LwM2M has none: to ignore them would give
// wrong numbers.
var fields = [...]fieldRow{
	{fieldVersion, "bver", -1, ""},
	{fieldBaseName, "bn", -2, ""}, // in LwM2M JSON not in the records, but around them
	{fieldBaseTime, "bt", -3, ""},
	{fieldIgnored, "bu", -4, ""},
	{fieldRefused, "bv", -5, ""},
	{fieldRefused, "bs", -6, ""},
	{fieldName, "n", 0, "n"},
	{fieldIgnored, "u", 1, ""},
	{fieldNumber, "v", 2, "v"},
	{fieldString, "vs", 3, "sv"},
	{fieldBoolean, "vb", 4, "bv"},
	{fieldRefused, "s", 5, ""},
	{fieldTime, "t", 6, "t"},
	{fieldIgnored, "ut", 7, ""},
	{fieldOpaque, "vd", 8, ""},
	{fieldLink, "vlo", noLabel, "ov"},
}

// noLabel stands where a field has no number in CBOR; it is no label of SenML.
const noLabel = math.MinInt64

// The table by label, for each format.
var (
	jsonFields  = byLabel(func(r fieldRow) (string, bool) { return r.json, true })
	cborFields  = byLabel(func(r fieldRow) (int64, bool) { return r.cbor, r.cbor != noLabel })
	lwm2mFields = byLabel(func(r fieldRow) (string, bool) { return r.lwm2m, r.lwm2m != "" })
)

func byLabel[L comparable](label func(fieldRow) (L, bool)) map[L]field {
	m := map[L]field{}
	for _, row := range fields {
		if l, has := label(row); has {
			m[l] = row.field
		}
	}
	return m
}

// labels is the table by field, for writing. Fields that are ignored or
// refused have no one label, and are never written.
var labels = func() (rows [fieldLink + 1]fieldRow) {
	for _, row := range fields {
		rows[row.field] = row
	}
	return rows
}()

// jsonLabel and lwm2mLabel are the label of a field; "" where it has none.
func jsonLabel(f field) string  { return labels[f].json }
func lwm2mLabel(f field) string { return labels[f].lwm2m }

// cborText is the field that has a word for its label in CBOR too.
const cborText = "vlo"

// reader is what the records stand in, JSON or CBOR. It moves past what it
// returns; after an error, which is kept, it returns zeros.
type reader interface {
	null() bool // passes a null, if that is next
	text(limit int) string
	number() Value
	boolean() bool
	opaque() string
	skip()
	fail(reason string)
}

// record is one record of a pack.
type record struct {
	end                int // its offset in the payload
	seen               uint32
	count              int
	others             []string // labels that are not known
	baseName, name     string
	baseTime, time     float64
	value              Value
	hasBase, hasBaseAt bool
}

// begin notes a label. It refuses one that comes twice, a record with too many,
// and one that must be understood and is not (RFC 8428, 4.4).
func (r *record) begin(in reader, f field, label string) {
	r.count++
	switch bit := uint32(1) << f; {
	case r.count > MaxRecordFields:
		in.fail(fmt.Sprintf("more than %d fields", MaxRecordFields))
	case f == fieldRefused:
		in.fail("a base value or a sum, which LwM2M has not")
	case f != fieldOther && f != fieldIgnored:
		if r.seen&bit != 0 {
			in.fail("a label comes twice")
		}
		if f >= fieldNumber && r.seen>>fieldNumber != 0 {
			in.fail("two values")
		}
		r.seen |= bit
	case strings.HasSuffix(label, "_"):
		in.fail("a label that must be understood, and is not")
	default:
		for _, other := range r.others {
			if other == label {
				in.fail("a label comes twice")
			}
		}
		r.others = append(r.others, label)
	}
}

// take reads what stands under a label.
func (r *record) take(in reader, f field, label string) {
	r.begin(in, f, label)
	if f >= fieldNumber && in.null() {
		r.value = Null()
		return
	}
	switch f {
	case fieldVersion:
		if v := in.number(); v.Type != TypeInteger || v.Int > senMLVersion {
			in.fail("a version of SenML that is not known")
		}
	case fieldBaseName:
		r.baseName, r.hasBase = in.text(MaxRecordName), true
	case fieldBaseTime:
		r.baseTime, r.hasBaseAt = seconds(in), true
	case fieldName:
		r.name = in.text(MaxRecordName)
	case fieldTime:
		r.time = seconds(in)
	case fieldNumber:
		r.value = in.number()
	case fieldString:
		r.value = String(in.text(MaxPackSize))
	case fieldBoolean:
		r.value = Boolean(in.boolean())
	case fieldOpaque:
		r.value = Value{Type: TypeOpaque, Str: in.opaque()}
	case fieldLink:
		v, reason := textLink(in.text(MaxRecordName))
		if r.value = v; reason != "" {
			in.fail(reason)
		}
	default:
		in.skip()
	}
}

func seconds(in reader) float64 {
	v, _ := in.number().as(TypeFloat)
	return v.Float // 0 after an error
}

// pack resolves records to entries (RFC 8428, 4.6): the base name and the base
// time hold from the record they stand in until others come.
type pack struct {
	*gathering
	baseName string
	hasBase  bool
	baseTime float64
}

func (p *pack) add(r *record) {
	if r.hasBase {
		p.baseName, p.hasBase = r.baseName, true
	}
	if r.hasBaseAt {
		p.baseTime = r.baseTime
	}
	path, ok := p.path(r.name)
	at := p.baseTime + r.time
	switch {
	case !ok:
		p.fail(r.end, "the name is no path")
	case !finite(at):
		p.fail(r.end, "the time is not finite")
	}
	p.gathering.add(r.end, Entry{Path: path, Value: r.value, Time: at})
}

// path makes a path of base name and name. Together they are a path from the
// root, with or without the first slash. Where there never was a base name and
// the name does not begin with a slash, it is a path from the one that the
// payload belongs to: so say clients from before LwM2M 1.0.
func (p *pack) path(name string) (Path, bool) {
	full := p.baseName + name
	switch {
	case strings.HasPrefix(full, "/"):
	case !p.hasBase && full == "":
		return p.base, p.base.Len() > 0
	case !p.hasBase:
		full = string(p.base.append(nil)) + "/" + full
	default:
		full = "/" + full
	}
	return ParsePath(full)
}

// names says how entries below base are named: what the base name is, and how
// many bytes of each path it stands for. The base name ends with a slash unless
// an entry is base itself, as in the examples of LwM2M 1.1 Core, 7.4.4.
func names(base Path, entries []Entry) (baseName string, cut int) {
	if base.Len() == 0 || len(entries) == 0 {
		return "", 0
	}
	baseName = base.String()
	cut = len(baseName)
	for _, e := range entries {
		if e.Path == base {
			return baseName, cut
		}
	}
	return baseName + "/", cut + 1
}
