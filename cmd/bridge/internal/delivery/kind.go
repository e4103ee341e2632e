package delivery

import (
	"github.com/fwbridge/fwbridge/lwm2m9"
	"github.com/fwbridge/fwbridge/mapping"
)

// Kind is why a package did not come.
type Kind uint8

// The kinds.
const (
	KindInternal    Kind = iota // a fault of the bridge or its disk
	KindURI                     // no URI, of no scheme known here, or with a user in it
	KindNotAllowed              // host, address or port is not to be asked
	KindRefused                 // 404, 410, other 4xx
	KindAuth                    // 401, 403
	KindTimeout                 // no answer, no byte, or not all of it in time
	KindUnreachable             // no address, no connection, no TLS
	KindServer                  // 5xx, or an answer that makes no sense
	KindInterrupted             // the connection broke too often
	KindIntegrity               // size or digest are not those announced
	KindSignature               // the signature is missing or wrong
	KindUnsupported             // a descriptor that is none, or leads nowhere
	KindTooLarge                // over the limit for one package
	KindStorage                 // store or disk are full
	KindCancelled               // nobody waits any more

	kinds // how many there are
)

// KindRow says what a Kind is called on either side.
type KindRow struct {
	Kind Kind
	Name string
	// Fault is the row of mapping.md section 4, in brackets there; 0 for a
	// Kind that has none and takes the row of its Result.
	Fault mapping.Fault
	// Result is what an LwM2M server is told (direction B).
	Result lwm2m9.UpdateResult
	// Verdict is the end for a legacy server (direction A).
	Verdict mapping.Verdict
}

var kindRows = []KindRow{
	unnamed(KindInternal, "internal", lwm2m9.ResultDeviceError),
	unnamed(KindURI, "uri", lwm2m9.ResultInvalidURI),
	unnamed(KindNotAllowed, "not allowed", lwm2m9.ResultInvalidURI),
	named(KindRefused, "refused", mapping.FaultPackageRefused),
	named(KindAuth, "authentication", mapping.FaultPackageAuth),
	named(KindTimeout, "timeout", mapping.FaultPackageTimeout),
	named(KindUnreachable, "unreachable", mapping.FaultPackageUnreachable),
	named(KindServer, "server", mapping.FaultPackageServer),
	unnamed(KindInterrupted, "interrupted", lwm2m9.ResultConnectionLost),
	named(KindIntegrity, "integrity", mapping.FaultDigest),
	named(KindSignature, "signature", mapping.FaultSignature),
	unnamed(KindUnsupported, "unsupported", lwm2m9.ResultUnsupportedType),
	unnamed(KindTooLarge, "too large", lwm2m9.ResultNotEnoughStorage),
	unnamed(KindStorage, "storage", lwm2m9.ResultNotEnoughStorage),
	named(KindCancelled, "cancelled", mapping.FaultCancelled),
}

// named is the row of a Kind that mapping.md has a bracketed row for.
func named(k Kind, name string, f mapping.Fault) KindRow {
	return KindRow{k, name, f, mapping.FromFetch(f), mapping.FromFault(f, mapping.DownloadStage)}
}

// unnamed is the row of a Kind that is called as an Update Result.
func unnamed(k Kind, name string, r lwm2m9.UpdateResult) KindRow {
	v, _ := mapping.FromResult(r, mapping.DownloadStage)
	return KindRow{k, name, 0, r, v}
}

// KindRows returns the table of kinds, in the order of their numbers.
func KindRows() []KindRow { return append([]KindRow(nil), kindRows...) }

func (k Kind) row() KindRow {
	if int(k) < len(kindRows) {
		return kindRows[k]
	}
	return kindRows[KindInternal]
}

// String is the kind in one or two words.
func (k Kind) String() string { return k.row().Name }

// Fault is the bracketed row of mapping.md section 4; 0 for none.
func (k Kind) Fault() mapping.Fault { return k.row().Fault }

// Result is the Update Result for an LwM2M server: of
// [mapping.FetchFailed].
func (k Kind) Result() lwm2m9.UpdateResult { return k.row().Result }

// Verdict is the end of an update of a legacy server.
func (k Kind) Verdict() mapping.Verdict { return k.row().Verdict }
