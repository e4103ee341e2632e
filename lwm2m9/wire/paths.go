package wire

import (
	"strconv"
	"strings"
)

// Root is the path under which a registration puts its objects: "" for the
// usual place, or the target of the link with rt="oma.lwm2m", such as
// "/lwm2m" (LwM2M 1.1 Transport, 6.4.1).
func Root(links []Link) string {
	for _, l := range links {
		rt, _ := l.Param("rt")
		for word := range strings.FieldsSeq(rt) {
			if word == "oma.lwm2m" {
				return strings.TrimRight(l.Path, "/")
			}
		}
	}
	return ""
}

// ObjectPaths lists the objects and object instances of a registration or of
// a Discover, "/9" and "/9/0", without the root, in their order, each once.
// Links to resources and links that are no paths of LwM2M are left out.
func ObjectPaths(links []Link) []string {
	root := Root(links)
	var paths []string
	seen := make(map[string]bool, len(links))
	for _, l := range links {
		rest, under := strings.CutPrefix(l.Path, root)
		if path, ok := objectPath(rest); under && ok && !seen[path] {
			seen[path] = true
			paths = append(paths, path)
		}
	}
	return paths
}

// maxInstanceID is the last number of an object instance; 65535 is reserved
// (LwM2M 1.1 Core, 7.1).
const maxInstanceID = 65534

// objectPath is the path with plain numbers, if it is /object or
// /object/instance.
func objectPath(s string) (string, bool) {
	s, rooted := strings.CutPrefix(s, "/")
	object, instance, deeper := strings.Cut(strings.TrimSuffix(s, "/"), "/")
	o, err := strconv.ParseUint(object, 10, 16)
	if !rooted || err != nil {
		return "", false
	}
	path := "/" + strconv.FormatUint(o, 10)
	if !deeper {
		return path, true
	}
	i, err := strconv.ParseUint(instance, 10, 16)
	if err != nil || i > maxInstanceID {
		return "", false
	}
	return path + "/" + strconv.FormatUint(i, 10), true
}
