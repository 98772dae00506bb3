"""The part of a session's configuration that predictions depend on (engine.md 6.1)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

LARGEST = 2**31 - 1
"""Larger counts and ratios mean the same: no pattern is that long. Kernels compute with 64 bits."""

FILTERS = ("length", "jaccard", "minhash", "bloom", "rapidfuzz")

SINGLE_SYMBOL_MATCHES = ("first", "anywhere")
"""Where the symbol of a one-symbol state may be in a pattern: at its start, or in any place (kato-6.md 3.5)."""

RANK_FIELDS = (
    "potential",
    "similarity",
    "evidence",
    "confidence",
    "snr",
    "fragmentation",
    "frequency",
    "normalized_entropy",
    "global_normalized_entropy",
    "itfdf_similarity",
    "confluence",
    "predictive_information",
    "bayesian_posterior",
    "bayesian_prior",
    "bayesian_likelihood",
    "tfidf_score",
    "weighted_similarity",
    "weighted_evidence",
    "weighted_confidence",
    "weighted_snr",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """The effective values, named as in the configuration, with the defaults of the service."""

    recall_threshold: float = 0.1
    max_predictions: int = 100
    use_token_matching: bool = True
    fuzzy_token_threshold: float = 0.0
    rank_sort_algo: str = "potential"
    single_symbol_match: str = "first"
    filter_pipeline: tuple[str, ...] = ()
    length_min_ratio: float = 0.5
    length_max_ratio: float = 2.0
    jaccard_threshold: float = 0.3
    jaccard_min_overlap: int = 2
    minhash_threshold: float = 0.7
    minhash_bands: int = 20
    minhash_rows: int = 5
    minhash_num_hashes: int = 100

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> "Options":
        """The options in `config`. Other keys are ignored; absent and null ones take the default.

        Raises ValueError for an unknown filter (D26), rank field or single_symbol_match.
        """
        given = {key: config[key] for key in cls.__dataclass_fields__ if config.get(key) is not None}
        # Each filter once: a second pass of the same filter drops nothing more.
        given["filter_pipeline"] = tuple(dict.fromkeys(given.get("filter_pipeline", ())))
        for key in ("length_max_ratio", "jaccard_min_overlap"):
            if key in given:
                given[key] = min(given[key], LARGEST)
        options = cls(**given)
        unknown = [name for name in options.filter_pipeline if name not in FILTERS]
        if unknown:
            raise ValueError(f"unknown filter: {', '.join(unknown)}")
        if options.rank_sort_algo not in RANK_FIELDS:
            raise ValueError(f"unknown rank_sort_algo: {options.rank_sort_algo}")
        if options.single_symbol_match not in SINGLE_SYMBOL_MATCHES:
            raise ValueError(f"unknown single_symbol_match: {options.single_symbol_match}")
        return options

    @property
    def bands(self) -> int:
        """The MinHash bands in use: as many as fit into the signature (5.1)."""
        fits = self.minhash_bands * self.minhash_rows == self.minhash_num_hashes
        return self.minhash_bands if fits else self.minhash_num_hashes // self.minhash_rows
