package config

import (
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/dmhttp"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/tlsfiles"
	"github.com/fwbridge/fwbridge/fwupdate"
	"github.com/fwbridge/fwbridge/lwm2m9"
	"github.com/fwbridge/fwbridge/mapping"
	"github.com/fwbridge/fwbridge/syncml"
	"github.com/fwbridge/fwbridge/syncml/notify"
	"github.com/fwbridge/fwbridge/syncml/session"
)

// Mode says where the accounts of a server's devices come from.
type Mode uint8

// The modes.
const (
	ModeShared   Mode = iota // all devices have the same user and secret
	ModeFile                 // a CSV file has one line for each device
	ModeTemplate             // the users are made from the endpoint name
)

// LogFormat is text or JSON.
type LogFormat uint8

// The formats.
const (
	LogText LogFormat = iota
	LogJSON
)

// Version is a DM version that the bridge speaks.
type Version syncml.Version

// words are the values of the keys that choose from a list: the one place
// where their spelling stands.
var words = map[reflect.Type][]struct {
	word  string
	value any
}{
	reflect.TypeFor[Mode]():            {{"shared", ModeShared}, {"file", ModeFile}, {"template", ModeTemplate}},
	reflect.TypeFor[LogFormat]():       {{"text", LogText}, {"json", LogJSON}},
	reflect.TypeFor[slog.Level]():      {{"debug", slog.LevelDebug}, {"info", slog.LevelInfo}, {"warn", slog.LevelWarn}, {"error", slog.LevelError}},
	reflect.TypeFor[Version]():         {{"1.2", Version(syncml.DM12)}, {"1.1.2", Version(syncml.DM112)}},
	reflect.TypeFor[syncml.Encoding](): {{"xml", syncml.XML}, {"wbxml", syncml.WBXML}},
	reflect.TypeFor[fwupdate.Role]():   {{"manager", fwupdate.Manager}, {"operator_tps", fwupdate.OperatorTPS}},
	reflect.TypeFor[session.Scheme](): {{"none", session.SchemeNone}, {"basic", session.SchemeBasic},
		{"md5", session.SchemeMD5}, {"mac", session.SchemeMAC}},
	reflect.TypeFor[dmhttp.Family](): {{"dm", dmhttp.FamilyDM}, {"syncml", dmhttp.FamilySyncML}},
	reflect.TypeFor[tlsfiles.Version](): {{"1.0", tlsfiles.TLS10}, {"1.1", tlsfiles.TLS11}, {"1.2", tlsfiles.TLS12},
		{"1.3", tlsfiles.TLS13}},
	reflect.TypeFor[session.Interaction](): {{"accept", session.InteractAccept}, {"refuse", session.InteractRefuse},
		{"timeout", session.InteractTimeout}, {"none", session.InteractNone}},
	reflect.TypeFor[ShownDialect]():         {{"registered", ShowRegistered}, {"draft", ShowDraft}},
	reflect.TypeFor[Security]():             {{"none", SecurityNone}, {"psk", SecurityPSK}, {"x509", SecurityX509}},
	reflect.TypeFor[Deactivate]():           {{"refuse", DeactivateRefuse}, {"record", DeactivateRecord}},
	reflect.TypeFor[lwm2m9.Dialect]():       {{"auto", lwm2m9.DialectUnknown}, {"draft", lwm2m9.Draft}, {"registered", lwm2m9.Registered}},
	reflect.TypeFor[notify.DefaultPolicy](): {{"always", notify.DefaultAlways}, {"first", notify.DefaultFirst}, {"never", notify.DefaultNever}},
	reflect.TypeFor[mapping.Way](): {{"auto", mapping.Way(0)}, {"direct", mapping.WayDirect}, {"proxy-coap", mapping.WayProxyCoAP},
		{"proxy-http", mapping.WayProxyHTTP}, {"push", mapping.WayPush}},
	reflect.TypeFor[RuleWay](): {{"default", RuleWay(0)}, {"auto", RuleWay(1)}, {"direct", RuleWay(mapping.WayDirect + 1)},
		{"proxy-coap", RuleWay(mapping.WayProxyCoAP + 1)}, {"proxy-http", RuleWay(mapping.WayProxyHTTP + 1)}, {"push", RuleWay(mapping.WayPush + 1)}},
	reflect.TypeFor[OutChannel](): {{"none", OutNone}, {"udp", OutUDP}, {"pap", OutPAP}, {"kannel", OutKannel}},
}

// choices lists the words of a type: `one, two or three`.
func choices(t reflect.Type) string {
	var all []string
	for _, w := range words[t] {
		all = append(all, w.word)
	}
	return strings.Join(all[:len(all)-1], ", ") + " or " + all[len(all)-1]
}

// Word is the spelling in the file of a value that is chosen from a list;
// empty for any other.
func Word(value any) string {
	word, _ := wordOf(reflect.ValueOf(value))
	return word
}

func wordOf(v reflect.Value) (string, bool) {
	for _, w := range words[v.Type()] {
		if w.value == v.Interface() {
			return w.word, true
		}
	}
	return "", false
}

// Size is a number of bytes, written as 65536, 64KiB, 1MiB or 1GiB.
type Size int64

var sizeUnits = []struct {
	name  string
	bytes Size
}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}}

// String is the size in its largest whole unit.
func (s Size) String() string {
	for _, u := range sizeUnits {
		if s != 0 && s%u.bytes == 0 {
			return fmt.Sprintf("%d%s", s/u.bytes, u.name)
		}
	}
	return strconv.FormatInt(int64(s), 10)
}

func parseSize(text string) (Size, error) {
	unit := Size(1)
	for _, u := range sizeUnits {
		if digits, ok := strings.CutSuffix(text, u.name); ok {
			text, unit = strings.TrimSpace(digits), u.bytes
			break
		}
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n > int64((1<<62)/unit) || n < 0 {
		return 0, fmt.Errorf("want a size such as 65536, 64KiB or 1MiB")
	}
	return Size(n) * unit, nil
}

// nearest finds the word that was probably meant, or "".
func nearest(word string, of []string) string {
	best, least := "", min(3, 1+(len(word)+1)/3) // further off is another word
	for _, w := range slices.Sorted(slices.Values(of)) {
		if d := distance(word, w); d < least {
			best, least = w, d
		}
	}
	return best
}

// distance counts the letters to add, drop or replace between two words.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, diagonal+1, row[j]+1)
		}
	}
	return row[len(b)]
}
