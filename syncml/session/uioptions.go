package session

import (
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// alertOptions are the options of a user-interaction alert (OMA DM Protocol
// 1.2, "User Interaction Alert Options"). The zero value is an alert without
// any. How long and how a text is shown matters to whoever has a screen.
type alertOptions struct {
	minShown  time.Duration // MINDT: the text stays this long
	maxWait   time.Duration // MAXDT: for the user; 0 is for ever
	preset    string        // DR
	given     bool          // there is a DR, even if it is empty
	maxLength int           // MAXLEN: characters; 0 is any number
	input     inputType     // IT
	hidden    bool          // ET=P: what is entered is not to be seen
}

// inputType is what a text may consist of.
type inputType byte

// The input types.
const (
	inputAny    inputType = 'A' // also the zero value
	inputNumber inputType = 'N' // digits, sign, point
	inputDate   inputType = 'D' // DDMMYYYY
	inputTime   inputType = 'T' // hhmmss
	inputPhone  inputType = 'P' // digits and p, w, s; a + at the beginning
	inputIPv4   inputType = 'I' // xxx.yyy.zzz.www
)

// maxOption bounds numbers in options; with it no duration overflows.
const maxOption = 1 << 31

// parseAlertOptions reads KEY=value pairs joined by "&", URL-encoded. As the
// specification wants, keys that are unknown, and values that are not of their
// kind, are as if they were not there. Of two equal keys the last one counts.
func parseAlertOptions(text string) alertOptions {
	var o alertOptions
	for pair := range strings.SplitSeq(text, "&") {
		key, coded, ok := strings.Cut(pair, "=")
		value, err := url.QueryUnescape(coded)
		if !ok || err != nil {
			continue
		}
		if set := optionSetters[strings.ToUpper(strings.TrimSpace(key))]; set != nil {
			set(&o, value)
		}
	}
	return o
}

var optionSetters = map[string]func(o *alertOptions, value string){
	"MINDT":  func(o *alertOptions, v string) { seconds(v, &o.minShown) },
	"MAXDT":  func(o *alertOptions, v string) { seconds(v, &o.maxWait) },
	"DR":     func(o *alertOptions, v string) { o.preset, o.given = v, true },
	"MAXLEN": func(o *alertOptions, v string) { number(v, &o.maxLength) },
	"IT": func(o *alertOptions, v string) {
		if len(v) == 1 && inputRules[inputType(v[0])] != nil {
			o.input = inputType(v[0])
		}
	},
	"ET": func(o *alertOptions, v string) { o.hidden = v == "P" },
}

func number(text string, to *int) {
	if n, err := strconv.Atoi(strings.TrimSpace(text)); err == nil && n >= 0 && n < maxOption {
		*to = n
	}
}

func seconds(text string, to *time.Duration) {
	n := int(*to / time.Second)
	number(text, &n)
	*to = time.Duration(n) * time.Second
}

// inputRules say whether a type takes a text.
var inputRules = map[inputType]func(string) bool{
	inputAny:    func(string) bool { return true },
	inputNumber: func(s string) bool { _, err := strconv.ParseFloat(s, 64); return err == nil && only(s, "+-.") },
	inputDate:   func(s string) bool { _, err := time.Parse("02012006", s); return err == nil },
	inputTime:   func(s string) bool { _, err := time.Parse("150405", s); return err == nil },
	inputPhone:  func(s string) bool { return s != "" && only(strings.TrimPrefix(s, "+"), "pws") },
	inputIPv4: func(s string) bool {
		parts := strings.Split(s, ".")
		for _, p := range parts {
			if n, err := strconv.ParseUint(p, 10, 8); err != nil || n > 255 {
				return false
			}
		}
		return len(parts) == 4
	},
}

// takes says whether a user could enter the text.
func (t inputType) takes(text string) bool {
	rule := inputRules[t]
	return rule == nil || rule(text)
}

// only says whether a text consists of digits and the others.
func only(text, others string) bool {
	return strings.IndexFunc(text, func(r rune) bool { return !unicode.Is(unicode.Nd, r) && !strings.ContainsRune(others, r) }) < 0
}
