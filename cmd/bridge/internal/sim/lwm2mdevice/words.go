package lwm2mdevice

import "github.com/fwbridge/fwbridge/lwm2m9"

// FaultKind is what goes wrong.
type FaultKind uint8

// The faults. The comment after each is its text form and what it does.
const (
	FailDownload      FaultKind = iota // download=RESULT: the download ends with that result
	FailIntegrity                      // integrity: the check of the package fails
	FailInstall                        // install[=RESULT]: the install fails, the state stays DELIVERED
	FailActivate                       // activate: 2.04, but never ENABLED
	FailUninstall                      // uninstall: 2.04, but the state stays
	Refuse                             // refuse@OP=CODE: the request is answered with the code and not carried out
	LoseAnswer                         // lose-answer@OP: carried out, but no datagram answers that exchange
	Reboot                             // reboot@STEP[=keep|lose|hide]: new port, new registration, observations gone
	Rebind                             // rebind@STEP: new port without a word, as behind a NAT; an Update follows
	Silent                             // silent@STEP: from then on nothing is answered and nothing is sent
	Stuck                              // stuck@STEP: the step never ends
	Slow                               // slow@STEP=DURATION: the step takes that long
	Coalesce                           // coalesce: DOWNLOAD STARTED and DOWNLOADED never show
	NoVerified                         // no-verified: DELIVERED shows result initial, never "verified"
	Torn                               // torn[=DURATION]: state and result change one after the other
	Quiet                              // quiet: a value set anew to what it was sends no notification
	StaleResult                        // stale-result: Uninstall leaves the old result
	IgnoreUnformatted                  // ignore-unformatted: a Write without Content-Format is answered 2.04 and forgotten
	WrongState                         // wrong-state=CODE: answered instead of 4.05 to an operation out of its state
	Nonsense                           // nonsense=text|state|result|tlv: the answers to reads cannot be understood
	NoObserve                          // no-observe: Observe is ignored, the value is answered once
	Drop                               // drop=RATE: datagrams of both directions get lost
	Repeat                             // repeat=RATE: datagrams of both directions arrive twice
	Delay                              // delay=DURATION: datagrams of both directions come late
)

var faultWords = []string{
	FailDownload: "download", FailIntegrity: "integrity", FailInstall: "install", FailActivate: "activate",
	FailUninstall: "uninstall", Refuse: "refuse", LoseAnswer: "lose-answer", Reboot: "reboot", Rebind: "rebind",
	Silent: "silent", Stuck: "stuck", Slow: "slow", Coalesce: "coalesce", NoVerified: "no-verified", Torn: "torn",
	Quiet: "quiet", StaleResult: "stale-result", IgnoreUnformatted: "ignore-unformatted", WrongState: "wrong-state",
	Nonsense: "nonsense", NoObserve: "no-observe", Drop: "drop", Repeat: "repeat", Delay: "delay",
}

// Step is a place in an update at which a fault strikes. Each begins when the
// device enters it.
type Step uint8

// The steps, in the order of an update.
const (
	AnyStep      Step = iota
	Registered        // the registration was accepted
	Downloading       // the download has begun
	Downloaded        // all bytes are there, the check has begun
	Delivered         // the package is good and waits for Install
	Installing        // Install was executed
	Installed         // INSTALLED
	Activating        // Activate was executed
	Enabled           // ACTIVE
	Uninstalling      // Uninstall was executed
	Uninstalled       // INITIAL again after Uninstall
)

var stepWords = []string{
	Registered: "registered", Downloading: "downloading", Downloaded: "downloaded", Delivered: "delivered",
	Installing: "installing", Installed: "installed", Activating: "activating", Enabled: "enabled",
	Uninstalling: "uninstalling", Uninstalled: "uninstalled",
}

// Op is a request of the server to the device.
type Op uint8

// The requests. AnyOp stands for all of them in a fault.
const (
	AnyOp          Op = iota
	OpRead            // any Read
	OpObserve         // Observe of an instance
	OpObserveValue    // Observe of a single resource
	OpDiscover        // Discover
	OpWriteURI        // Write of Package URI (3)
	OpWritePackage    // Write of Package (2)
	OpWrite           // any other Write, and Write-Attributes
	OpInstall         // Execute 4
	OpUninstall       // Execute 6
	OpActivate        // Execute 10
	OpDeactivate      // Execute 11
	OpCreate          // Create of an instance of Object 9
	OpDelete          // Delete of an instance of Object 9
	opCount
)

var opWords = []string{
	AnyOp: "any", OpRead: "read", OpObserve: "observe", OpObserveValue: "observe-resource", OpDiscover: "discover",
	OpWriteURI: "write-uri", OpWritePackage: "write-package", OpWrite: "write", OpInstall: "install",
	OpUninstall: "uninstall", OpActivate: "activate", OpDeactivate: "deactivate", OpCreate: "create", OpDelete: "delete",
}

// Memory is what survives a reboot.
type Memory uint8

// What survives.
const (
	Keep Memory = iota // state, result and package; a download in progress starts again, an install too
	Lose               // nothing: every instance is INITIAL again
	Hide               // everything, but the registration does not name the instances of Object 9
)

var memoryWords = []string{Keep: "keep", Lose: "lose", Hide: "hide"}

// Garbage is a kind of answer that makes no sense.
type Garbage uint8

// The kinds.
const (
	TextGarbage   Garbage = iota // 7 and 9 read as "abc"
	StateGarbage                 // 7 reads as 9, outside both tables
	ResultGarbage                // 9 reads as 99
	TLVGarbage                   // TLV is cut off in the middle; text is "abc"
)

var garbageWords = []string{TextGarbage: "text", StateGarbage: "state", ResultGarbage: "result", TLVGarbage: "tlv"}

// working are the steps that take time: Slow and Stuck strike there.
var working = []string{
	Downloading: "downloading", Downloaded: "downloaded", Installing: "installing", Activating: "activating",
	Uninstalling: "uninstalling",
}

// resultWords names the failures that download= and install= take. An empty
// word is a result that cannot be asked for.
var resultWords = []string{
	lwm2m9.ResultNotEnoughStorage: "not-enough-storage",
	lwm2m9.ResultOutOfMemory:      "out-of-memory",
	lwm2m9.ResultConnectionLost:   "connection-lost",
	lwm2m9.ResultIntegrityFailure: "integrity-failure",
	lwm2m9.ResultUnsupportedType:  "unsupported-type",
	lwm2m9.ResultInvalidURI:       "invalid-uri",
	lwm2m9.ResultDeviceError:      "device-error",
	lwm2m9.ResultInstallFailure:   "install-failure",
}

func wordOf[T ~uint8](words []string, v T) string {
	if int(v) < len(words) && words[v] != "" {
		return words[v]
	}
	return "?"
}

// String is the word of the text form.
func (k FaultKind) String() string { return wordOf(faultWords, k) }

// String is the word of the text form.
func (s Step) String() string { return wordOf(stepWords, s) }

// String is the word of the text form.
func (o Op) String() string { return wordOf(opWords, o) }

// String is the word of the text form.
func (m Memory) String() string { return wordOf(memoryWords, m) }

// String is the word of the text form.
func (g Garbage) String() string { return wordOf(garbageWords, g) }
