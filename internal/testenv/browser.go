package testenv

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// Browser is a headless Chromium with a fresh profile. A failing step fails the test and says where the browser was.
type Browser struct {
	tb  testing.TB
	ctx context.Context //nolint:containedctx // chromedp keeps the tab in it
	dir string
}

const stepTimeout = 20 * time.Second

// NewBrowser starts a browser that ends with the test. Screenshots go to the folder that GATEHOUSE_SCREENSHOTS names, else nowhere.
func NewBrowser(tb testing.TB) *Browser {
	tb.Helper()
	program := Program(tb, "chromium", "chromium-browser", "google-chrome")
	options := []chromedp.ExecAllocatorOption{
		chromedp.ExecPath(program), chromedp.Headless, chromedp.NoSandbox, chromedp.DisableGPU, chromedp.NoFirstRun,
		chromedp.UserDataDir(tb.TempDir()), chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true), chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-dev-shm-usage", true),
	}
	allocator, cancelAllocator := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, cancel := chromedp.NewContext(allocator)
	tb.Cleanup(func() {
		_ = chromedp.Cancel(ctx)
		cancel()
		cancelAllocator()
	})
	b := &Browser{tb: tb, ctx: ctx, dir: os.Getenv("GATEHOUSE_SCREENSHOTS")}
	if err := chromedp.Do(ctx, chromedp.Navigate("about:blank")); err != nil {
		tb.Fatalf("start the browser: %v", err)
	}
	return b
}

func (b *Browser) do(what string, steps ...chromedp.Action[chromedp.Void]) {
	b.tb.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, stepTimeout)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		b.tb.Fatalf("%s: %v\nat %s:\n%s", what, err, b.Address(), b.Page())
	}
}

// Open goes to an address.
func (b *Browser) Open(address string) {
	b.tb.Helper()
	b.do("open "+address, chromedp.Navigate(address))
}

// Click clicks the first element of a CSS selector once it is visible.
func (b *Browser) Click(selector string) {
	b.tb.Helper()
	b.do("click "+selector, chromedp.WaitVisible(chromedp.CSS(selector)), chromedp.Click(chromedp.CSS(selector)))
}

// Type replaces what stands in a field.
func (b *Browser) Type(selector, text string) {
	b.tb.Helper()
	b.do("type into "+selector, chromedp.WaitVisible(chromedp.CSS(selector)), chromedp.Clear(chromedp.CSS(selector)), chromedp.SendKeys(chromedp.CSS(selector), text))
}

// Wait waits until an element is visible.
func (b *Browser) Wait(selector string) {
	b.tb.Helper()
	b.do("wait for "+selector, chromedp.WaitVisible(chromedp.CSS(selector)))
}

// Gone waits until no such element is there.
func (b *Browser) Gone(selector string) {
	b.tb.Helper()
	b.do("wait until gone: "+selector, chromedp.WaitNotPresent(chromedp.CSS(selector)))
}

// Text waits for an element, visible or not, and returns its text.
func (b *Browser) Text(selector string) string {
	b.tb.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, stepTimeout)
	defer cancel()
	text, err := chromedp.Run(ctx, chromedp.TextContent(chromedp.CSS(selector)))
	if err != nil {
		b.tb.Fatalf("text of %s: %v\nat %s:\n%s", selector, err, b.Address(), b.Page())
	}
	return text
}

// Address is where the browser is.
func (b *Browser) Address() string {
	ctx, cancel := context.WithTimeout(b.ctx, stepTimeout)
	defer cancel()
	address, _ := chromedp.Run(ctx, chromedp.Location())
	return address
}

// Page is the page's text, for messages.
func (b *Browser) Page() string {
	ctx, cancel := context.WithTimeout(b.ctx, stepTimeout)
	defer cancel()
	text, _ := chromedp.Run(ctx, chromedp.Text(chromedp.CSS("body")))
	return text
}

// Screenshot takes the page at desktop and phone width, light and dark.
func (b *Browser) Screenshot(name string) {
	b.tb.Helper()
	if b.dir == "" {
		return
	}
	if err := os.MkdirAll(b.dir, 0o755); err != nil {
		b.tb.Fatal(err)
	}
	for _, scheme := range []string{"light", "dark"} {
		for size, width := range map[string]int64{"desktop": 1280, "phone": 390} {
			b.do("screenshot", scheming(scheme), chromedp.EmulateViewport(width, 800))
			image, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
			if err != nil {
				b.tb.Fatalf("screenshot: %v", err)
			}
			path := filepath.Join(b.dir, name+"-"+size+"-"+scheme+".png")
			if err := os.WriteFile(path, image, 0o644); err != nil {
				b.tb.Fatal(err)
			}
		}
	}
	b.do("back to normal", scheming("light"), chromedp.EmulateViewport(1280, 800))
}

func scheming(scheme string) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
		})
		return err
	})
}
