package ui

// DeviceCode asks for the code that a device shows, posted as "user_code".
type DeviceCode struct {
	Action string
	Code   string // filled in already; to be compared
	Alert  *Alert
}

func (DeviceCode) page() (string, string) { return "device_code", "Connect a device" }

// DeviceApprove asks whether a device may sign in as the person; posts "decision", "approve" or "deny".
type DeviceApprove struct {
	Action           string
	SwitchAction     string // for somebody else; posts "flow"
	Flow             string
	Agreement        string // to what exactly; posted along
	Code             string // as the device shows it
	ClientName       string
	Account          string
	OrganizationName string
	Address          string // where the device asked from
	SameNetwork      bool   // which is where this browser is, too
	Asked            string // how long ago
	Scopes           []string
}

func (DeviceApprove) page() (string, string) { return "device_approve", "Is this your device?" }

// DeviceScreen is what a device shows: its code, and where to enter it.
type DeviceScreen struct {
	Code    string
	Address string
	QR      QRCode // of the address with the code
}

func (DeviceScreen) page() (string, string) { return "device_screen", "Sign in on another device" }
