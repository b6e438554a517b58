"""Authority: who may say what, and who says it nevertheless."""
