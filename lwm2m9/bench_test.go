package lwm2m9

import "testing"

func BenchmarkReadInstance(b *testing.B) {
	v, err := Machine{Delivered, ResultInitial, Disabled}.Values("example-package", "1.2.3", Registered)
	if err != nil {
		b.Fatal(err)
	}
	payload := encode(b, v.TLV()...)
	b.SetBytes(int64(len(payload)))
	b.ReportAllocs()
	for b.Loop() {
		values, err := InstanceTLV(0, payload)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := ReadInstance(0, values, Registered); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkObserve(b *testing.B) {
	d := Detector{Detected: Registered}
	b.ReportAllocs()
	for b.Loop() {
		d, _ = d.Observe(Pair{State: 3}, true)
	}
}
