from tfedge.factorization.ranks import Energy as Energy
from tfedge.factorization.ranks import Fixed as Fixed
from tfedge.factorization.ranks import RankRule as RankRule
from tfedge.factorization.ranks import Vbmf as Vbmf
from tfedge.factorization.thinning import factorize as factorize
