"""Checks for ops and models, shipped so that your own op gets the same as ours."""
from .gradcheck import GradcheckError, gradcheck, gradgradcheck

__all__ = ["GradcheckError", "gradcheck", "gradgradcheck"]
