"""Reward: how good an answer of a model is, for reinforcement learning. See `scoring` and `likeness`.

Runs in the sandbox: an answer is text that nobody has looked at.
"""

from stages.reward.batch import ANSWERS, BAD_TRUTH, REWARDS, Job, rewards
from stages.reward.finding import Found, find
from stages.reward.likeness import Likeness, Target
from stages.reward.scoring import Language, Reward, Truth, Why, nothing, score
from stages.reward.settings import RewardSettings

__all__ = [
    "ANSWERS",
    "BAD_TRUTH",
    "REWARDS",
    "Found",
    "Job",
    "Language",
    "Likeness",
    "Reward",
    "RewardSettings",
    "Target",
    "Truth",
    "Why",
    "find",
    "nothing",
    "rewards",
    "score",
]
