"""Where pictures and videos are put, so that a platform can fetch them: one module for each kind of place."""
