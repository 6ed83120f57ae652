"""Pictures and videos: checked, mended, and put where a platform can fetch them."""
