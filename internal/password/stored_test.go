package password_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/bcrypt"

	"gatehouse/internal/password"
)

// Texts as Django stores them. Those of PBKDF2 are base64(hashlib.pbkdf2_hmac(name, "lètmein", salt, iterations)) of Python 3; the
// first two are also what Django's own tests expect.
const (
	djangoSHA256 = "pbkdf2_sha256$1000000$seasalt$r1uLUxoxpP2Ued/qxvmje7UH9PUJBkRrvf9gGPL7Cps="
	djangoSHA1   = "pbkdf2_sha1$260000$seasalt2$wAibXvW6jgvatCdONi6SMJ6q7mI="
	djangoQuick  = "pbkdf2_sha256$1000$seasalt$JgZryXe2Ga8ysg6XbzkLpTdyPQrHqsinbL9BnnhgX4A="
	djangoOld    = "pbkdf2_sha1$1000$seasalt$ljleU4wBmTtz/MoG5YTwxpM0d7I="
)

// djangoBcrypt makes "bcrypt$" and "bcrypt_sha256$" texts; Go writes version 2a, Django 2b, for the same algorithm.
func djangoBcrypt(t *testing.T, prefix string, plain []byte) string {
	t.Helper()
	made, err := bcrypt.GenerateFromPassword(plain, bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	return prefix + strings.Replace(string(made), "$2a$", "$2b$", 1)
}

func digest(plain string) []byte {
	sum := sha256.Sum256([]byte(plain))
	return []byte(hex.EncodeToString(sum[:]))
}

// djangoArgon2 is the PHC text with Django's prefix. argon2-cffi made tags of 16 bytes before version 19.2.
func djangoArgon2(plain string, tag uint32) string {
	encode := base64.RawStdEncoding.EncodeToString
	salt := []byte("seasaltseasalt22")
	return "argon2$argon2id$v=19$m=512,t=2,p=8$" + encode(salt) + "$" + encode(argon2.IDKey([]byte(plain), salt, 2, 512, 8, tag))
}

func TestVerifyDjangoHashes(t *testing.T) {
	h := newHasher(t, cheap())
	long := strings.Repeat("lètmein ", 20)
	for name, tt := range map[string]struct{ stored, plain string }{
		"pbkdf2_sha256 of Django 5.2":  {djangoSHA256, "lètmein"},
		"pbkdf2_sha1":                  {djangoSHA1, "lètmein"},
		"few iterations":               {djangoQuick, "lètmein"},
		"few iterations, SHA-1":        {djangoOld, "lètmein"},
		"argon2":                       {djangoArgon2("lètmein", 32), "lètmein"},
		"argon2 with short tag":        {djangoArgon2("lètmein", 16), "lètmein"},
		"bcrypt":                       {djangoBcrypt(t, "bcrypt$", []byte("lètmein")), "lètmein"},
		"bcrypt_sha256":                {djangoBcrypt(t, "bcrypt_sha256$", digest("lètmein")), "lètmein"},
		"bcrypt_sha256, long password": {djangoBcrypt(t, "bcrypt_sha256$", digest(long)), long},
	} {
		t.Run(name, func(t *testing.T) {
			if err := password.Importable(tt.stored); err != nil {
				t.Fatalf("not importable: %v", err)
			}
			if ok, rehash := verify(t, h, tt.stored, tt.plain); !ok || !rehash {
				t.Errorf("right password: %v, %v; want true, true", ok, rehash)
			}
			for _, wrong := range []string{"", "letmein", tt.plain + "x", "x" + tt.plain} {
				if ok, rehash := verify(t, h, tt.stored, wrong); ok || rehash {
					t.Errorf("password %q: %v, %v; want false, false", wrong, ok, rehash)
				}
			}
		})
	}
}

func TestImportable(t *testing.T) {
	bcryptText := djangoBcrypt(t, "bcrypt$", []byte("x"))
	for name, tt := range map[string]struct {
		stored string
		want   bool
	}{
		"ours":                        {hash(t, newHasher(t, cheap()), "x"), true},
		"unusable":                    {"!Zm9vYmFy", true},
		"unusable, bare":              {"!", true},
		"most iterations":             {strings.Replace(djangoQuick, "$1000$", "$3000000$", 1), true},
		"too many iterations":         {strings.Replace(djangoQuick, "$1000$", "$3000001$", 1), false},
		"iterations beyond 64 bits":   {strings.Replace(djangoQuick, "$1000$", "$99999999999999999999$", 1), false},
		"no iterations":               {strings.Replace(djangoQuick, "$1000$", "$0$", 1), false},
		"negative iterations":         {strings.Replace(djangoQuick, "$1000$", "$-1$", 1), false},
		"leading zero":                {strings.Replace(djangoQuick, "$1000$", "$01000$", 1), false},
		"no salt":                     {strings.Replace(djangoQuick, "seasalt", "", 1), false},
		"huge salt":                   {strings.Replace(djangoQuick, "seasalt", strings.Repeat("s", 129), 1), false},
		"cut":                         {djangoQuick[:len(djangoQuick)-5], false},
		"one part more":               {djangoQuick + "$", false},
		"line break":                  {djangoQuick + "\n", false},
		"SHA-1 with SHA-256's name":   {strings.Replace(djangoOld, "sha1", "sha256", 1), false},
		"bcrypt cost 16":              {strings.Replace(bcryptText, "$04$", "$16$", 1), true},
		"bcrypt cost 17":              {strings.Replace(bcryptText, "$04$", "$17$", 1), false},
		"bcrypt cost 3":               {strings.Replace(bcryptText, "$04$", "$03$", 1), false},
		"bcrypt of another version":   {strings.Replace(bcryptText, "$2b$", "$2x$", 1), false},
		"bcrypt without Django":       {strings.TrimPrefix(bcryptText, "bcrypt"), false},
		"argon2i":                     {strings.Replace(djangoArgon2("x", 32), "argon2id", "argon2i", 1), false},
		"argon2 of 4 GiB":             {strings.Replace(djangoArgon2("x", 32), "m=512", "m=4194304", 1), false},
		"argon2 with a tag of 8":      {djangoArgon2("x", 8), false},
		"a tag of 16 without prefix":  {strings.TrimPrefix(djangoArgon2("x", 16), "argon2"), false},
		"md5":                         {"md5$seasalt$3f86d0d3d465b7b458c231bf3555c0e3", false},
		"scrypt":                      {"scrypt$16384$seasalt$8$1$nFNh2CVHVjNldFVKDHDlm4CbdRSCdEBsjjJxD+iCs5E=", false},
		"plain text":                  {"lètmein", false},
		"empty":                       {"", false},
		"more than 256 bytes of text": {"pbkdf2_sha256$" + strings.Repeat("1", 300), false},
	} {
		if err := password.Importable(tt.stored); (err == nil) != tt.want {
			t.Errorf("%s: Importable(%q) = %v, want accepted: %v", name, tt.stored, err, tt.want)
		}
	}
}

// TestUnusablePassword: no text is the password of an account that has none.
func TestUnusablePassword(t *testing.T) {
	h := newHasher(t, cheap())
	for _, guess := range []string{"", "!", "!Zm9vYmFy", "nobody's password"} {
		if ok, rehash := verify(t, h, "!Zm9vYmFy", guess); ok || rehash {
			t.Errorf("Verify of an unusable password with %q = %v, %v", guess, ok, rehash)
		}
	}
}

// TestRefusalsKeepPace: how long a refusal takes does not tell that an account has an imported password.
func TestRefusalsKeepPace(t *testing.T) {
	h := newHasher(t, cheap())
	refusal := func(stored string) time.Duration {
		start := time.Now()
		verify(t, h, stored, "wrong")
		return time.Since(start)
	}
	imported := refusal(djangoSHA1)
	for name, stored := range map[string]string{"nobody": "", "our own hash": hash(t, h, "correct horse"), "a cheaper import": djangoOld} {
		if took := refusal(stored); took < imported/2 {
			t.Errorf("%s: %v, the imported hash %v: the difference tells who was imported", name, took, imported)
		}
	}
}

func FuzzImportable(f *testing.F) {
	for _, seed := range []string{djangoSHA256, djangoSHA1, djangoQuick, djangoArgon2("x", 16), "!", "", "$argon2id$v=19$m=64,t=1,p=1$c2VhdHdhdGVy$AAAA"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, stored string) {
		if err := password.Importable(stored); err == nil && (len(stored) > 256 && !password.Unusable(stored)) {
			t.Errorf("%q is accepted", stored)
		} else if err != nil && stored != "" && strings.Contains(err.Error(), stored) && len(stored) > 40 {
			t.Errorf("the error repeats the hash")
		}
	})
}
