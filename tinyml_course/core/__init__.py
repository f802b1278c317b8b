"""The course's nouns: gesture sets, models, boards, plans, reports, errors."""
