package wire

import "strconv"

// Format is a CoAP Content-Format number.
type Format int32

// The formats of LwM2M (LwM2M 1.2 Transport, 6.4.7, and the CoAP registry).
// The two of ETCH are SenML in which null has its meaning; the old numbers were
// used before LwM2M 1.0 and still are by old clients.
const (
	FormatText          Format = 0
	FormatLink          Format = 40
	FormatOpaque        Format = 42
	FormatCBOR          Format = 60 // one value
	FormatSenMLJSON     Format = 110
	FormatSenMLCBOR     Format = 112
	FormatSenMLETCHJSON Format = 320
	FormatSenMLETCHCBOR Format = 322
	FormatTLV           Format = 11542
	FormatJSON          Format = 11543 // LwM2M JSON
	FormatOldText       Format = 1541
	FormatOldTLV        Format = 1542
	FormatOldJSON       Format = 1543
)

// format is a row of the table of formats. A format without decode holds no
// entries.
type format struct {
	number Format
	old    Format // number before LwM2M 1.0, or 0
	etch   Format // number as a SenML that changes things, or 0
	name   string
	null   bool // it has a null
	times  bool // it has times
	decode func(g *gathering, body []byte)
	append func(dst []byte, base Path, entries []Entry) ([]byte, error)
}

var formats = [...]format{
	{number: FormatText, old: FormatOldText, name: "text", decode: decodeText, append: appendText},
	{number: FormatLink, name: "link-format"},
	{number: FormatOpaque, name: "opaque", decode: decodeOpaque, append: appendOpaque},
	{number: FormatCBOR, name: "CBOR", decode: decodeCBOR, append: appendCBOR},
	{number: FormatSenMLJSON, etch: FormatSenMLETCHJSON, name: "SenML JSON", null: true, times: true,
		decode: decodeSenMLJSON, append: appendSenMLJSON},
	{number: FormatSenMLCBOR, etch: FormatSenMLETCHCBOR, name: "SenML CBOR", null: true, times: true,
		decode: decodeSenMLCBOR, append: appendSenMLCBOR},
	{number: FormatTLV, old: FormatOldTLV, name: "TLV", decode: decodeTLVEntries, append: appendTLVEntries},
	{number: FormatJSON, old: FormatOldJSON, name: "LwM2M JSON", times: true,
		decode: decodeLwM2MJSON, append: appendLwM2MJSON},
}

// rows finds a row by each of its numbers.
var rows = rowsByNumber()

func rowsByNumber() map[Format]*format {
	rows := map[Format]*format{}
	for i := range formats {
		f := &formats[i]
		rows[f.number] = f
		for _, n := range [...]Format{f.old, f.etch} {
			if n != 0 {
				rows[n] = f
			}
		}
	}
	return rows
}

// Current is the number that LwM2M 1.0 and later give to the same format: the
// old numbers and those of ETCH become the others, anything else stays.
func (f Format) Current() Format {
	if row, ok := rows[f]; ok {
		return row.number
	}
	return f
}

// HoldsEntries says whether [Decode] and [Append] know the format: all that
// are named here but the link-format.
func (f Format) HoldsEntries() bool {
	row, ok := rows[f]
	return ok && row.decode != nil
}

// String is the name of the format, "SenML CBOR"; the number of one that is
// not known.
func (f Format) String() string {
	if row, ok := rows[f]; ok {
		return row.name
	}
	return strconv.Itoa(int(f))
}
