package syncml

// tag names a row of [elements]; noTag is an element that is not in it.
type tag uint8

const (
	noTag tag = iota
	tagAdd
	tagAlert
	tagArchive
	tagAtomic
	tagChal
	tagCmd
	tagCmdID
	tagCmdRef
	tagCopy
	tagCred
	tagData
	tagDelete
	tagExec
	tagFinal
	tagGet
	tagItem
	tagLang
	tagLocName
	tagLocURI
	tagMap
	tagMapItem
	tagMeta
	tagMsgID
	tagMsgRef
	tagNoResp
	tagNoResults
	tagPut
	tagReplace
	tagRespURI
	tagResults
	tagSearch
	tagSequence
	tagSessionID
	tagSftDel
	tagSource
	tagSourceRef
	tagStatus
	tagSync
	tagSyncBody
	tagSyncHdr
	tagSyncML
	tagTarget
	tagTargetRef
	tagVerDTD
	tagVerProto
	tagNumberOfChanges
	tagMoreData
	tagField
	tagFilter
	tagRecord
	tagFilterType
	tagSourceParent
	tagTargetParent
	tagMove
	tagCorrelator
	tagAnchor
	tagEMI
	tagFormat
	tagFreeID
	tagFreeMem
	tagLast
	tagMark
	tagMaxMsgSize
	tagMem
	tagMetInf
	tagNext
	tagNextNonce
	tagSharedMem
	tagSize
	tagType
	tagVersion
	tagMaxObjSize
	tagFieldLevel
	tagCount
)

// content is what an element may hold.
type content uint8

const (
	isText    content = iota + 1 // characters only
	isData                       // characters, or elements that stand for their own XML text
	isFlag                       // nothing: its presence says it all
	isHolder                     // elements only
	isCommand                    // elements only; a command of DM
	isForeign                    // elements only; a command of data synchronisation, not of DM
)

// text says that text may stand in the element, whatever else.
func (c content) text() bool { return c == isText || c == isData }

// The code pages of WBXML, which are also the two XML namespaces.
const (
	pageSyncML uint8 = iota
	pageMetInf
	pageCount
)

// element is one row of the table both encodings come from.
type element struct {
	name  string
	page  uint8 // WBXML code page; gives the XML namespace too
	token uint8 // WBXML tag code, without the content and attribute bits
	holds content
	new12 bool // not in SyncML 1.1
}

// elements is the vocabulary of SyncML 1.1 and 1.2 (RepPro 1.2, 8; MetInf
// 1.2, 6; oma-dm.md 10.3 and 10.4). Nothing else in the package knows a token
// or a name of an element.
var elements = [tagCount]element{
	tagAdd:             {"Add", pageSyncML, 0x05, isCommand, false},
	tagAlert:           {"Alert", pageSyncML, 0x06, isCommand, false},
	tagArchive:         {"Archive", pageSyncML, 0x07, isFlag, false},
	tagAtomic:          {"Atomic", pageSyncML, 0x08, isCommand, false},
	tagChal:            {"Chal", pageSyncML, 0x09, isHolder, false},
	tagCmd:             {"Cmd", pageSyncML, 0x0A, isText, false},
	tagCmdID:           {"CmdID", pageSyncML, 0x0B, isText, false},
	tagCmdRef:          {"CmdRef", pageSyncML, 0x0C, isText, false},
	tagCopy:            {"Copy", pageSyncML, 0x0D, isCommand, false},
	tagCred:            {"Cred", pageSyncML, 0x0E, isHolder, false},
	tagData:            {"Data", pageSyncML, 0x0F, isData, false},
	tagDelete:          {"Delete", pageSyncML, 0x10, isCommand, false},
	tagExec:            {"Exec", pageSyncML, 0x11, isCommand, false},
	tagFinal:           {"Final", pageSyncML, 0x12, isFlag, false},
	tagGet:             {"Get", pageSyncML, 0x13, isCommand, false},
	tagItem:            {"Item", pageSyncML, 0x14, isHolder, false},
	tagLang:            {"Lang", pageSyncML, 0x15, isText, false},
	tagLocName:         {"LocName", pageSyncML, 0x16, isText, false},
	tagLocURI:          {"LocURI", pageSyncML, 0x17, isText, false},
	tagMap:             {"Map", pageSyncML, 0x18, isForeign, false},
	tagMapItem:         {"MapItem", pageSyncML, 0x19, isHolder, false},
	tagMeta:            {"Meta", pageSyncML, 0x1A, isHolder, false},
	tagMsgID:           {"MsgID", pageSyncML, 0x1B, isText, false},
	tagMsgRef:          {"MsgRef", pageSyncML, 0x1C, isText, false},
	tagNoResp:          {"NoResp", pageSyncML, 0x1D, isFlag, false},
	tagNoResults:       {"NoResults", pageSyncML, 0x1E, isFlag, false},
	tagPut:             {"Put", pageSyncML, 0x1F, isForeign, false},
	tagReplace:         {"Replace", pageSyncML, 0x20, isCommand, false},
	tagRespURI:         {"RespURI", pageSyncML, 0x21, isText, false},
	tagResults:         {"Results", pageSyncML, 0x22, isCommand, false},
	tagSearch:          {"Search", pageSyncML, 0x23, isForeign, false},
	tagSequence:        {"Sequence", pageSyncML, 0x24, isCommand, false},
	tagSessionID:       {"SessionID", pageSyncML, 0x25, isText, false},
	tagSftDel:          {"SftDel", pageSyncML, 0x26, isFlag, false},
	tagSource:          {"Source", pageSyncML, 0x27, isHolder, false},
	tagSourceRef:       {"SourceRef", pageSyncML, 0x28, isText, false},
	tagStatus:          {"Status", pageSyncML, 0x29, isCommand, false},
	tagSync:            {"Sync", pageSyncML, 0x2A, isForeign, false},
	tagSyncBody:        {"SyncBody", pageSyncML, 0x2B, isHolder, false},
	tagSyncHdr:         {"SyncHdr", pageSyncML, 0x2C, isHolder, false},
	tagSyncML:          {"SyncML", pageSyncML, 0x2D, isHolder, false},
	tagTarget:          {"Target", pageSyncML, 0x2E, isHolder, false},
	tagTargetRef:       {"TargetRef", pageSyncML, 0x2F, isText, false},
	tagVerDTD:          {"VerDTD", pageSyncML, 0x31, isText, false},
	tagVerProto:        {"VerProto", pageSyncML, 0x32, isText, false},
	tagNumberOfChanges: {"NumberOfChanges", pageSyncML, 0x33, isText, false},
	tagMoreData:        {"MoreData", pageSyncML, 0x34, isFlag, false},
	tagField:           {"Field", pageSyncML, 0x35, isHolder, true},
	tagFilter:          {"Filter", pageSyncML, 0x36, isHolder, true},
	tagRecord:          {"Record", pageSyncML, 0x37, isHolder, true},
	tagFilterType:      {"FilterType", pageSyncML, 0x38, isText, true},
	tagSourceParent:    {"SourceParent", pageSyncML, 0x39, isHolder, true},
	tagTargetParent:    {"TargetParent", pageSyncML, 0x3A, isHolder, true},
	tagMove:            {"Move", pageSyncML, 0x3B, isForeign, true},
	tagCorrelator:      {"Correlator", pageSyncML, 0x3C, isText, true},

	tagAnchor:     {"Anchor", pageMetInf, 0x05, isHolder, false},
	tagEMI:        {"EMI", pageMetInf, 0x06, isText, false},
	tagFormat:     {"Format", pageMetInf, 0x07, isText, false},
	tagFreeID:     {"FreeID", pageMetInf, 0x08, isText, false},
	tagFreeMem:    {"FreeMem", pageMetInf, 0x09, isText, false},
	tagLast:       {"Last", pageMetInf, 0x0A, isText, false},
	tagMark:       {"Mark", pageMetInf, 0x0B, isText, false},
	tagMaxMsgSize: {"MaxMsgSize", pageMetInf, 0x0C, isText, false},
	tagMem:        {"Mem", pageMetInf, 0x0D, isHolder, false},
	tagMetInf:     {"MetInf", pageMetInf, 0x0E, isHolder, false},
	tagNext:       {"Next", pageMetInf, 0x0F, isText, false},
	tagNextNonce:  {"NextNonce", pageMetInf, 0x10, isText, false},
	tagSharedMem:  {"SharedMem", pageMetInf, 0x11, isFlag, false},
	tagSize:       {"Size", pageMetInf, 0x12, isText, false},
	tagType:       {"Type", pageMetInf, 0x13, isText, false},
	tagVersion:    {"Version", pageMetInf, 0x14, isText, false},
	tagMaxObjSize: {"MaxObjSize", pageMetInf, 0x15, isText, false},
	tagFieldLevel: {"FieldLevel", pageMetInf, 0x16, isText, true},
}

const (
	namespaceMetInf = "syncml:metinf"
	namespaceSyncML = "SYNCML:SYNCML" // and the version: 1.1 or 1.2

	maxToken = 0x3F // a WBXML tag code has six bits
)

// tagOfName and tagOfToken are [elements] read the other way.
var (
	tagOfName  = make(map[string]tag, tagCount)
	tagOfToken [pageCount][maxToken + 1]tag
)

func init() {
	for t := noTag + 1; t < tagCount; t++ {
		e := &elements[t]
		tagOfName[e.name] = t
		i := nameSlot(e.name)
		for nameSlots[i] != noTag {
			i++
		}
		nameSlots[i] = t
		tagOfToken[e.page][e.token] = t
	}
}

// nameSlots is tagOfName for [tagNamed]: where nameSlot says or, if others came
// first, after that.
var nameSlots [1 << 8]tag

// nameSlot spreads names by length, first and last letters.
func nameSlot(name string) uint8 {
	n := len(name)
	return uint8(n)*11 + name[0]*7 + name[n/2]*5 + name[n-1]*3
}

// tagNamed is the element with a name, which is not empty. It is
// tagOfName[name], but faster.
func tagNamed(name string) tag {
	i := nameSlot(name)
	for nameSlots[i] != noTag && elements[nameSlots[i]].name != name {
		i++
	}
	return nameSlots[i]
}

// String is the element's name.
func (t tag) String() string {
	if t == noTag {
		return "unknown element"
	}
	return elements[t].name
}

// command says that the element may stand for a command in a SyncBody.
func (t tag) command() bool {
	return t != noTag && (elements[t].holds == isCommand || elements[t].holds == isForeign)
}
