from chainward.testing import StrategyConformance


class TestConformance(StrategyConformance):
    key = "two_cp"
