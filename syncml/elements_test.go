package syncml

import (
	"os"
	"regexp"
	"strconv"
	"testing"
)

// TestElements checks that the table is whole and names nothing twice, and
// that both directions come to the same row.
func TestElements(t *testing.T) {
	names := make(map[string]tag)
	tokens := make(map[[2]uint8]tag)
	var perPage [pageCount]int
	for g := noTag + 1; g < tagCount; g++ {
		e := elements[g]
		if e.name == "" || e.holds == 0 || e.token < 0x05 || e.token > maxToken {
			t.Errorf("row %d: %+v", g, e)
			continue
		}
		if other, ok := names[e.name]; ok {
			t.Errorf("%s names rows %d and %d", e.name, other, g)
		}
		if other, ok := tokens[[2]uint8{e.page, e.token}]; ok {
			t.Errorf("page %d token 0x%02x is %s and %s", e.page, e.token, other, g)
		}
		names[e.name], tokens[[2]uint8{e.page, e.token}] = g, g
		perPage[e.page]++
		if tagOfName[e.name] != g || tagOfToken[e.page][e.token] != g {
			t.Errorf("%s is not found again: by name %s, by token %s", e.name, tagOfName[e.name], tagOfToken[e.page][e.token])
		}
	}
	// oma-dm.md 10.3: 0x05 to 0x3C without 0x30; 10.4: 0x05 to 0x16.
	if perPage != [pageCount]int{55, 18} {
		t.Errorf("elements in a page: %v, want [55 18]", perPage)
	}
}

// TestTokens compares with the code pages as the specification prints them.
func TestTokens(t *testing.T) {
	for page, file := range []string{"testdata/page0.txt", "testdata/page1.txt"} {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		rows := tokenCell.FindAllStringSubmatch(string(b), -1)
		for _, r := range rows {
			token, _ := strconv.ParseUint(r[1], 16, 8)
			g := tagOfName[r[2]]
			if e := elements[g]; int(e.page) != page || e.token != uint8(token) || e.new12 != (r[3] != "") {
				t.Errorf("%s: %+v, want page %d token 0x%02x, only in 1.2: %v", r[2], e, page, token, r[3] != "")
			}
		}
		if want := []int{55, 18}[page]; len(rows) != want {
			t.Errorf("%s: %d tokens, want %d", file, len(rows), want)
		}
	}
}

// tokenCell is a cell such as "39 SourceParent~": token, name, and a mark for
// what is not in SyncML 1.1.
var tokenCell = regexp.MustCompile(`\b([0-9A-F]{2}) ([A-Za-z]+)([*~]?)`)

// TestCommandsHaveBindings: a command of DM that decoded as Unknown would be
// refused with 400.
func TestCommandsHaveBindings(t *testing.T) {
	for g := noTag + 1; g < tagCount; g++ {
		if has := bindings[g] != nil; has != (elements[g].holds == isCommand) {
			t.Errorf("%s: bound %v", g, has)
		}
	}
}

// TestShapesFollowTable: a row for an element that the table knows to hold
// something else could never be read.
func TestShapesFollowTable(t *testing.T) {
	for _, s := range []struct {
		name string
		tags []tag
	}{
		{"Meta", tagsOf(metaShape)}, {"SyncHdr", tagsOf(headerShape)}, {"SyncBody", tagsOf(bodyShape)},
		{"Item", tagsOf(itemShape)}, {"Status", tagsOf(statusShape)}, {"Results", tagsOf(resultsShape)},
		{"Alert", tagsOf(alertShape)}, {"Exec", tagsOf(execShape)}, {"Atomic", tagsOf(blockShape)},
		{"Cred", tagsOf(credShape)}, {"Chal", tagsOf(chalShape)}, {"Target", tagsOf(locationShape)},
	} {
		seen := make(map[tag]bool)
		for _, g := range s.tags {
			if seen[g] {
				t.Errorf("%s has two rows for %s", s.name, g)
			}
			seen[g] = true
			if inMeta := s.name == "Meta"; g != noTag && (elements[g].page == pageMetInf) != inMeta {
				t.Errorf("%s holds %s of page %d", s.name, g, elements[g].page)
			}
		}
	}
}

func tagsOf[T any](s shape[T]) []tag {
	var tags []tag
	for _, r := range s.rows {
		tags = append(tags, r.tag)
	}
	return tags
}
