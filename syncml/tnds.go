package syncml

// This file and the two beside it are the other vocabulary that DM carries: a
// management tree serialized as a document (TNDS) and its description (DDF).
// Both are documents of their own, in Data of an Item; in WBXML they use code
// page 2 of the same space.

// pageDDF is the WBXML code page of the DM DDF DTD 1.2.
const pageDDF uint8 = 2

// firstDDF is the token of the first of ddfNames; the others follow.
const firstDDF = 0x05

// ddfNames are the elements of the DTD by token (oma-dm.md 10.5). The tree
// document prints verDTD and verNo where libwbxml and the DTD have VerDTD and
// VerNo; both are read.
var ddfNames = [...]string{
	"AccessType", "ACL", "Add", "b64", "bin", "bool", "chr",
	"CaseSense", "CIS", "Copy", "CS", "date", "DDFName", "DefaultValue",
	"Delete", "Description", "DFFormat", "DFProperties", "DFTitle", "DFType", "Dynamic",
	"Exec", "float", "Format", "Get", "int", "Man", "MgmtTree",
	"MIME", "Mod", "Name", "Node", "node", "NodeName", "null",
	"Occurrence", "One", "OneOrMore", "OneOrN", "Path", "Permanent", "Replace",
	"RTProperties", "Scope", "Size", "time", "Title", "TStamp", "Type",
	"Value", "VerDTD", "VerNo", "xml", "ZeroOrMore", "ZeroOrN", "ZeroOrOne",
}

// ddfTokens is ddfNames read the other way, with the second spellings.
var ddfTokens = func() map[string]byte {
	all := make(map[string]byte, len(ddfNames)+2)
	for i, name := range ddfNames {
		all[name] = firstDDF + byte(i)
	}
	all["verDTD"], all["verNo"] = all["VerDTD"], all["VerNo"]
	return all
}()

const (
	rootDDF      = "MgmtTree"
	namespaceDDF = "syncml:dmddf1.2"
	publicIDDDF  = "-//OMA//DTD-DM-DDF 1.2//EN" // there is no number for it
)

// ddfName is the element of a token; empty if there is none.
func ddfName(page, token uint8) string {
	if i := int(token) - firstDDF; page == pageDDF && i >= 0 && i < len(ddfNames) {
		return ddfNames[i]
	}
	return ""
}
