"""What an audit looks at: faces, edits whose place is known, explanations. No judgement."""
