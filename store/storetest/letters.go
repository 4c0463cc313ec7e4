package storetest

import (
	"testing"
	"time"

	"gatehouse/notify"
)

func testMessagesTo(t *testing.T, w *world) {
	for i, kind := range []notify.Kind{notify.KindInvitation, notify.KindInvitation, notify.KindInvitation, notify.KindConfirmEmail} {
		m := newMessage(noon.Add(time.Duration(i) * time.Second))
		m.Kind = kind
		must(t, w.Enqueue(t.Context(), m))
	}
	other := newMessage(noon.Add(time.Minute))
	other.Kind, other.Recipient = notify.KindInvitation, "ada@y.example"
	must(t, w.Enqueue(t.Context(), other))
	for _, test := range []struct {
		address string
		kind    notify.Kind
		after   time.Time
		want    int
	}{
		{"ada@x.example", notify.KindInvitation, noon.Add(-time.Microsecond), 3},
		{"ADA@x.Example", notify.KindInvitation, noon, 2},
		{"ada@x.example", notify.KindConfirmEmail, noon, 1},
		{"ada@x.example", notify.KindInvitation, noon.Add(2 * time.Second), 0},
		{"%", notify.KindInvitation, noon.Add(-time.Second), 0},
	} {
		got, err := w.MessagesTo(t.Context(), test.address, test.kind, test.after)
		must(t, err)
		if got != test.want {
			t.Errorf("%d to %s after %v, want %d", got, test.address, test.after, test.want)
		}
	}
}
