package lwm2m9

import "testing"

// The numbers once more, as the two documents list them: a slip in the table
// of dialect.go does not pass by being read from it.
var (
	draftStates       = map[int64]UpdateState{1: Initial, 2: DownloadStarted, 3: Downloaded, 4: Delivered, 5: Installed}
	registeredStates  = map[int64]UpdateState{0: Initial, 1: DownloadStarted, 2: Downloaded, 3: Delivered, 4: Installed}
	draftResultsTable = map[int64]UpdateResult{
		0: ResultInitial, 1: ResultDownloading, 2: ResultInstalled, 3: ResultNotEnoughStorage, 4: ResultOutOfMemory,
		5: ResultConnectionLost, 6: ResultIntegrityFailure, 7: ResultUnsupportedType, 8: ResultInvalidURI,
		9: ResultDeviceError, 10: ResultInstallFailure,
	}
	registeredResultsTable = map[int64]UpdateResult{
		0: ResultInitial, 1: ResultDownloading, 2: ResultInstalled, 3: ResultVerified, 50: ResultNotEnoughStorage,
		51: ResultOutOfMemory, 52: ResultConnectionLost, 53: ResultIntegrityFailure, 54: ResultUnsupportedType,
		56: ResultInvalidURI, 57: ResultDeviceError, 58: ResultInstallFailure, 59: ResultUninstallFailure,
	}
)

const lastState, lastResult = Installed, ResultUninstallFailure

func TestDialectNames(t *testing.T) {
	tests := []struct {
		d       Dialect
		states  map[int64]UpdateState
		results map[int64]UpdateResult
	}{
		{Draft, draftStates, draftResultsTable},
		{Registered, registeredStates, registeredResultsTable},
		{DialectUnknown, nil, nil},
		{Registered + 1, nil, nil},
	}
	for _, tt := range tests {
		for n := int64(-2); n <= 300; n++ { // a missing key is the unknown value
			if got := tt.d.State(n); got != tt.states[n] {
				t.Errorf("%v: State(%d) = %v, want %v", tt.d, n, got, tt.states[n])
			}
			if got := tt.d.Result(n); got != tt.results[n] {
				t.Errorf("%v: Result(%d) = %v, want %v", tt.d, n, got, tt.results[n])
			}
		}
	}
}

func TestDialectNumbers(t *testing.T) {
	substitutes := map[Dialect]map[UpdateResult]UpdateResult{
		Draft:      {ResultVerified: ResultInitial, ResultUninstallFailure: ResultDeviceError},
		Registered: {},
	}
	for d, substitute := range substitutes {
		for s := Initial; s <= lastState; s++ {
			if n, ok := s.Number(d); !ok || d.State(n) != s {
				t.Errorf("%v: %v has the number %d, %v, which reads %v", d, s, n, ok, d.State(n))
			}
		}
		for r := ResultInitial; r <= lastResult; r++ {
			want := r
			if s, ok := substitute[r]; ok {
				want = s
			}
			if n, ok := r.Number(d); !ok || d.Result(n) != want {
				t.Errorf("%v: %v has the number %d, %v, which reads %v, want %v", d, r, n, ok, d.Result(n), want)
			}
		}
	}
	for _, d := range []Dialect{DialectUnknown, Draft, Registered, Registered + 1} {
		undecided := d != Draft && d != Registered
		for s := StateUnknown; s <= lastState+1; s++ {
			if n, ok := s.Number(d); ok && (undecided || s == StateUnknown || s > lastState) {
				t.Errorf("%v: %v has the number %d", d, s, n)
			}
		}
		for r := ResultUnknown; r <= lastResult+1; r++ {
			if n, ok := r.Number(d); ok && (undecided || r == ResultUnknown || r > lastResult) {
				t.Errorf("%v: %v has the number %d", d, r, n)
			}
		}
	}
}

func TestUninstallArgument(t *testing.T) {
	for _, tt := range []struct {
		d         Dialect
		forUpdate bool
		want      string
	}{
		{Registered, true, "1"}, {Registered, false, ""},
		{Draft, true, ""}, {Draft, false, ""},
		{DialectUnknown, true, ""}, {DialectUnknown, false, ""},
	} {
		if got := UninstallArgument(tt.d, tt.forUpdate); got != tt.want {
			t.Errorf("%v, for update %v: %q, want %q", tt.d, tt.forUpdate, got, tt.want)
		}
	}
}
