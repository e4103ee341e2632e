package coap_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"
)

// TestNoForeignTypes: nothing exported by coap or server names a go-coap type.
func TestNoForeignTypes(t *testing.T) {
	for _, dir := range []string{".", "../server"} {
		files, err := filepath.Glob(filepath.Join(dir, "*.go"))
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %v", dir, err)
		}
		checked := 0
		for _, name := range files {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			fset := token.NewFileSet()
			file, err := parser.ParseFile(fset, name, nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			foreign := map[string]bool{}
			for _, i := range file.Imports {
				if path := strings.Trim(i.Path.Value, `"`); strings.Contains(path, "go-coap") {
					foreign[path[strings.LastIndex(path, "/")+1:]] = true
				}
			}
			ast.FileExports(file)
			for _, decl := range file.Decls {
				if f, ok := decl.(*ast.FuncDecl); ok {
					f.Body = nil // only what a caller sees
				}
				checked++
				ast.Inspect(decl, func(n ast.Node) bool {
					if s, ok := n.(*ast.SelectorExpr); ok {
						if x, ok := s.X.(*ast.Ident); ok && foreign[x.Name] {
							t.Errorf("%s: exported with %s.%s of go-coap", fset.Position(n.Pos()), x.Name, s.Sel.Name)
						}
					}
					return true
				})
			}
		}
		if checked < 20 {
			t.Errorf("%s: only %d exported declarations found", dir, checked)
		}
	}
}
