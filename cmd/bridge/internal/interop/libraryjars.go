package interop

import "slices"

// clientJars is the client library over CoAP and CoAPS with all it needs, as
// Maven resolves leshan-tl-cf-client-coap, and a logger to standard error.
var clientJars = slices.Concat([]artifact{
	{"org.eclipse.leshan", "leshan-tl-cf-client-coap", LibraryVersion, "", "d0ba9bc0efe266713d391344259b0e0aa1752db1725da15c5a3cfa417f7b85ce"},
	{"org.eclipse.leshan", "leshan-lwm2m-client", LibraryVersion, "", "22c45d494e87089244c0335ff07c71ed9cd7e31e5128e137466879c570f46ab0"},
}, bothJars)

// serverJars is likewise the server library.
var serverJars = slices.Concat([]artifact{
	{"org.eclipse.leshan", "leshan-tl-cf-server-coap", LibraryVersion, "", "593e1564fd5f83d63b9c21f3586e858c1023453a1ed21dc11225f6223bbfb1dc"},
	{"org.eclipse.leshan", "leshan-lwm2m-server", LibraryVersion, "", "3aa5a67e15185bb797c516012bd5c8af1c0dddc92440bc6616ab979503b5e1d4"},
	{"org.eclipse.leshan", "leshan-lwm2m-servers-shared", LibraryVersion, "", "e1171d2bbb7d621e4735085d18b76af3f895ea66161b0e6d2b1464228bd0b963"},
}, bothJars)

// bothJars is what both libraries need.
var bothJars = []artifact{
	{"org.eclipse.leshan", "leshan-tl-cf-shared", LibraryVersion, "", "857bc7541b583f24c3039ecffed028ff22f741fc9fa1c3bdaecb0565df0413f5"},
	{"org.eclipse.leshan", "leshan-lwm2m-core", LibraryVersion, "", "04face5d92a3fe57288ce51e97dc9d73ee4eb38a0bb3a4da170bfd7af37800f1"},
	{"org.eclipse.californium", "californium-core", "4.0.0-M6", "", "4a436ea6067fb6ad946a2dbcb6a9239267fbfa7435ea5df5c3b6ad918431997e"},
	{"org.eclipse.californium", "element-connector", "4.0.0-M6", "", "6fbbdc2145f96fc106beeb79fb54ec7fd13e5a50b76cea576227e59f67baa371"},
	{"org.eclipse.californium", "scandium", "4.0.0-M6", "", "738b317aedf520053db06a45e638b43ce17fcfa6a0d18705db108ef6354c77ff"},
	{"com.fasterxml.jackson.core", "jackson-databind", "2.15.3", "", "c3c53333a2172a80678bda1803e39cff45bec6ae3e9c7d4f44a81ec4e2ab18dc"},
	{"com.fasterxml.jackson.core", "jackson-annotations", "2.15.3", "", "aae865c3d88256d61b11523cb1e88bd48d5b9ad5855fa1fc859504fd2204708a"},
	{"com.fasterxml.jackson.core", "jackson-core", "2.15.3", "", "51fab7aad51ed588482edc507fd542747936c5094d1ab76ed21ddb63b96b610d"},
	{"com.upokecenter", "cbor", "4.5.6", "", "415630df447588834ac747800a6b7fac67ff8b8092862f4e3f5283f568bfc2ec"},
	{"com.github.peteroupc", "numbers", "1.8.2", "", "ed894dcb68b9aa22320d6813950d8321d4f82c2c78e68770a443df33e36bdd4e"},
	{"com.github.peteroupc", "datautilities", "1.1.0", "", "9afa371db3083782216e63e706d83a50d19c7e8db74af47e7339c419380f82bb"},
	{"org.slf4j", "slf4j-api", "2.0.17", "", "7b751d952061954d5abfed7181c1f645d336091b679891591d63329c622eb832"},
	{"org.slf4j", "slf4j-simple", "2.0.17", "", "ddfea59ac074c6d3e24ac2c38622d2d963895e17f70b38ed4bdae4d780be6964"},
}
