package notify

import "errors"

// Open reads a trigger in any of its forms: Package 0 alone, in a WSP push, or
// in a push behind the user data header of a single SMS. Parts of a longer SMS
// have to be put together first ([Assembler]). The error is that of the form
// that was recognised.
func Open(b []byte) (*Message, error) {
	if h, rest, err := SplitUDH(b); err == nil && h.HasPorts && h.Destination == Port && !h.Concatenated() {
		b = rest
	}
	package0, err := ParsePush(b)
	if err == nil || errors.Is(err, ErrNotTrigger) {
		if err != nil {
			return nil, err
		}
		return Parse(package0)
	}
	return Parse(b)
}

// Looks says whether bytes look like a trigger in one of the forms of [Open]:
// it can be read. XML never does, for its bytes are no known version; for
// WBXML it is unlikely only, so ask for a SyncML message first.
func Looks(b []byte) bool {
	_, err := Open(b)
	return err == nil
}
