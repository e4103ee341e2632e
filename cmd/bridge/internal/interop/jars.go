package interop

// Versions of Leshan that are used.
const (
	ServerVersion  = "2.0.0-M4"
	LibraryVersion = "2.0.0-M18"
)

// demoJar is the demo server with all it needs.
var demoJar = []artifact{
	{"org.eclipse.leshan", "leshan-server-demo", ServerVersion, "jar-with-dependencies", "6d1cf53a18d516f02ae0b7bc34dd06dac15f3d67797d163574dec4b5feecbd32"},
}
