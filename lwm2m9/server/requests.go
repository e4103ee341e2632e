package server

// The constructors make the requests of the LwM2M interfaces (LwM2M 1.1
// Transport, 6.4), for [Server.Do].

// Read asks for a resource, an instance or an object in a format; NoFormat
// leaves the choice to the device.
func Read(path string, accept ContentFormat) Request {
	return Request{Method: GET, Path: path, Format: NoFormat, Accept: accept}
}

// Discover asks for the links under a path.
func Discover(path string) Request { return Read(path, LinkFormat) }

// Observe is Read, and again whenever the value changes.
func Observe(path string, accept ContentFormat) Request {
	start := true
	r := Read(path, accept)
	r.Observe = &start
	return r
}

// CancelObserve ends what Observe began, with the same path and format.
func CancelObserve(path string, accept ContentFormat) Request {
	stop := false
	r := Read(path, accept)
	r.Observe = &stop
	return r
}

// Write replaces a resource or an instance.
func Write(path string, format ContentFormat, payload []byte) Request {
	return Request{Method: PUT, Path: path, Format: format, Accept: NoFormat, Payload: payload}
}

// WritePartial changes those resources of an instance that the payload names.
func WritePartial(path string, format ContentFormat, payload []byte) Request {
	return Request{Method: POST, Path: path, Format: format, Accept: NoFormat, Payload: payload}
}

// Execute runs a resource; arguments are those of the specification
// ("0='x',1"), or empty.
func Execute(path, arguments string) Request {
	r := Request{Method: POST, Path: path, Format: NoFormat, Accept: NoFormat}
	if arguments != "" {
		r.Format, r.Payload = TextPlain, []byte(arguments)
	}
	return r
}

// Create makes an instance of an object.
func Create(object string, format ContentFormat, payload []byte) Request {
	return Request{Method: POST, Path: object, Format: format, Accept: NoFormat, Payload: payload}
}

// Delete removes an instance.
func Delete(path string) Request {
	return Request{Method: DELETE, Path: path, Format: NoFormat, Accept: NoFormat}
}

// WriteAttributes sets attributes of notification, "pmin=1": a PUT with neither
// payload nor format.
func WriteAttributes(path string, attributes ...string) Request {
	return Request{Method: PUT, Path: path, Format: NoFormat, Accept: NoFormat, Query: attributes}
}
