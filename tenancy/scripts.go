package tenancy

import "unicode"

// mixtures are the scripts that real names mix (Unicode Technical Standard 39, "highly restrictive"). In any other mixture one letter
// can pass for another: a Cyrillic "а" among Latin letters makes a second "ada".
var mixtures = [][]string{
	{"Latin", "Han", "Hiragana", "Katakana"},
	{"Latin", "Han", "Bopomofo"},
	{"Latin", "Han", "Hangul"},
}

// mixesScripts reports whether the letters and digits of a text come from scripts that do not belong together. Names wholly in
// one script that look like another's are not found.
func mixesScripts(text string) bool {
	found := map[string]bool{}
	for _, r := range text {
		if script := scriptOf(r); script != "" {
			found[script] = true
		}
	}
	if len(found) <= 1 {
		return false
	}
	for _, mixture := range mixtures {
		known := 0
		for _, script := range mixture {
			if found[script] {
				known++
			}
		}
		if known == len(found) {
			return false
		}
	}
	return true
}

// scriptOf is the script of a letter or digit, "" for what all scripts share.
func scriptOf(r rune) string {
	switch {
	case r < unicode.MaxASCII && unicode.IsLetter(r):
		return "Latin"
	case r < unicode.MaxASCII, !unicode.IsLetter(r) && !unicode.IsNumber(r), unicode.In(r, unicode.Common, unicode.Inherited):
		return ""
	}
	for name, table := range unicode.Scripts {
		if unicode.Is(table, r) {
			return name
		}
	}
	return ""
}

// turnsText reports whether a character changes the direction of the text around it. Letters of right-to-left scripts need none.
func turnsText(r rune) bool { return unicode.Is(unicode.Bidi_Control, r) }
