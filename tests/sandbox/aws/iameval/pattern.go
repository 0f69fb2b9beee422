package iameval

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// arnSegments is the number of parts of arn:partition:service:region:account:resource.
const arnSegments = 6

// pattern is a text of a policy: literal text, wildcards and variables, in the order of the text.
type pattern []piece

// piece is a part of a pattern.
type piece struct {
	kind pieceKind
	// text is the literal, or the variable's condition key.
	text string
	// fallback is what a variable stands for when the request does not have its key, if hasFallback.
	fallback    string
	hasFallback bool
}

type pieceKind int

const (
	literal  pieceKind = iota
	anyText            // "*", any text, also the empty one
	anyChar            // "?", exactly one character
	variable           // "${key}" or "${key, 'fallback'}"
)

// variablePattern is a policy variable, or one of the three that stand for a character with a meaning of its own:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html
// The guide says nothing of wildcards and variables within a variable or its default value, so there are none.
var variablePattern = regexp.MustCompile(`^\$\{(?:([*?$])|([^\s{}$'*?,:]+:[^\s{}$'*?,]+)(?:, '([^{}$'*?]*)')?)\}`)

// wildcards reads a text without variables.
func wildcards(text string) pattern {
	p, _ := parsePattern(text, true, false) // Only variables can be wrong.
	return p
}

func parsePattern(text string, wildcards, variables bool) (pattern, error) {
	var p pattern
	for text != "" {
		length := 1
		switch {
		case wildcards && text[0] == '*':
			p = append(p, piece{kind: anyText})
		case wildcards && text[0] == '?':
			p = append(p, piece{kind: anyChar})
		case variables && strings.HasPrefix(text, "${"):
			v, err := parseVariable(text)
			if err != nil {
				return nil, err
			}
			p, length = append(p, v), strings.Index(text, "}")+1
		default:
			length = nextSpecial(text)
			p = append(p, piece{text: text[:length]})
		}
		text = text[length:]
	}
	return p, nil
}

// nextSpecial is the length of the literal that a text begins with.
func nextSpecial(text string) int {
	if i := strings.IndexAny(text[1:], "*?$"); i >= 0 {
		return i + 1
	}
	return len(text)
}

func parseVariable(text string) (piece, error) {
	match := variablePattern.FindStringSubmatchIndex(text)
	if match == nil {
		return piece{}, fmt.Errorf("%q is not a policy variable; its form is ${prefix:name} or ${prefix:name, 'default'}", text)
	}
	group := func(i int) (string, bool) {
		if match[2*i] < 0 {
			return "", false
		}
		return text[match[2*i]:match[2*i+1]], true
	}
	if character, ok := group(1); ok {
		return piece{text: character}, nil
	}
	key, _ := group(2)
	fallback, ok := group(3)
	return piece{kind: variable, text: fold(key), fallback: fallback, hasFallback: ok}, nil
}

func (p pattern) hasVariable() bool {
	for _, piece := range p {
		if piece.kind == variable {
			return true
		}
	}
	return false
}

// fill puts the request's values in place of the variables, as literal text: a wildcard in a value is a character like any
// other. It is not known what a variable stands for when the request does not have its key.
func (p pattern) fill(keys contextKeys) (filled pattern, known bool, err error) {
	filled = make(pattern, len(p))
	for i, piece := range p {
		if piece.kind != variable {
			filled[i] = piece
			continue
		}
		values := keys[piece.text]
		switch {
		case len(values) == 1:
			filled[i].text = values[0]
		case len(values) > 1:
			// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-single-vs-multi-valued-context-keys.html
			return nil, false, fmt.Errorf("the policy variable %q has %d values in the request; it can have one", piece.text, len(values))
		case piece.hasFallback:
			filled[i].text = piece.fallback
		default:
			return nil, false, nil
		}
	}
	return filled, true, nil
}

// folded is the pattern with its literals in lower case.
func (p pattern) folded() pattern {
	result := make(pattern, len(p))
	for i, piece := range p {
		piece.text = fold(piece.text)
		result[i] = piece
	}
	return result
}

// match says whether a pattern without variables matches the whole value; a wildcard matches any character, also ":" and
// "/". When a piece does not fit, only the last "*" gives way, by a character: whatever an earlier "*" could take in
// addition, the last one can take as well. So the effort grows with the product of the lengths and not exponentially.
func (p pattern) match(value string) bool {
	next, rest := 0, value
	star, taken := -1, value // taken is what was left of the value where the last "*" stopped
	for {
		if next < len(p) && p[next].kind == anyText {
			star, taken = next, rest
			next++
			continue
		}
		if next == len(p) && rest == "" {
			return true
		}
		if next < len(p) {
			if length, ok := p[next].begins(rest); ok {
				next, rest = next+1, rest[length:]
				continue
			}
		}
		if star < 0 || taken == "" {
			return false
		}
		_, length := utf8.DecodeRuneInString(taken)
		taken = taken[length:]
		next, rest = star+1, taken
	}
}

// begins says whether the value begins with this piece, and how long it is there.
func (p piece) begins(value string) (int, bool) {
	if p.kind == anyChar {
		_, length := utf8.DecodeRuneInString(value)
		return length, value != ""
	}
	return len(p.text), p.kind == literal && strings.HasPrefix(value, p.text)
}

// segments splits an ARN's pattern at its first five colons; fewer segments than an ARN has mean that it is none.
func (p pattern) segments() []pattern {
	result := []pattern{nil}
	add := func(piece piece) {
		last := len(result) - 1
		result[last] = append(result[last], piece)
	}
	for _, each := range p {
		if each.kind != literal {
			add(each)
			continue
		}
		texts := strings.SplitN(each.text, ":", arnSegments-len(result)+1)
		add(piece{text: texts[0]})
		for _, text := range texts[1:] {
			result = append(result, pattern{{text: text}})
		}
	}
	return result
}

// fold makes the upper and lower case of the characters that policies can have the same, and no others: IAM takes
// U+0020 to U+00FF, and full Unicode folding would take the Kelvin sign for a k and the long s for an s.
func fold(text string) string {
	return strings.Map(func(r rune) rune {
		if r > '\u00ff' {
			return r
		}
		return unicode.ToLower(r)
	}, text)
}
