package syncml

// Normal returns m as a reader of our encoding gets it; m stays as it is, and
// the two share nothing but strings. Both encoders write this form:
//
//   - no white space around a text, except in LocName, Correlator and the Data
//     of an Item;
//   - an Item of Add or Replace without Data has empty Data;
//   - a Status for SyncHdr without CmdRef has the CmdRef "0";
//   - an empty list is nil.
//
// What an encoding cannot carry stays, for the encoder to refuse.
func (m *Message) Normal() *Message {
	c := *m
	messageShape.norm(&c)
	return &c
}
