package notify

import "errors"

// Open reads a trigger in any of its forms: Package 0 alone, in a WSP push, or
// in a push behind the user data header of a single SMS. Parts of a longer SMS
// have to be put together first ([Assembler]). A digest can look like the
// beginning of a push, so what is no push with a trigger is tried as Package 0.
// The error is that of the form that was recognised.
func Open(b []byte) (*Message, error) {
	inner := b
	if h, rest, err := SplitUDH(b); err == nil && h.HasPorts && h.Destination == Port && !h.Concatenated() {
		inner = rest
	}
	package0, pushErr := ParsePush(inner)
	if pushErr == nil {
		m, err := Parse(package0)
		if err == nil {
			return m, nil
		}
		pushErr = err
	}
	m, err := Parse(b)
	if err == nil {
		return m, nil
	}
	if _, noPush := errors.AsType[*SyntaxError](pushErr); noPush && len(inner) == len(b) {
		return nil, err
	}
	return nil, pushErr
}

// Looks says whether bytes look like a trigger in one of the forms of [Open]:
// it can be read. XML never does, for its bytes are no known version; for
// WBXML it is unlikely only, so ask for a SyncML message first.
func Looks(b []byte) bool {
	_, err := Open(b)
	return err == nil
}
