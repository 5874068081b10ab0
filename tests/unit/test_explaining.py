from __future__ import annotations

import re
from pathlib import Path

import pytest

from ceb_messages import INVENTORY, SAMPLES, SETS, inventories, renamed
from singlewindow.messages.judgement import Judgement, Problem
from singlewindow.xsd.catalogue import Catalogue, load_catalogue
from singlewindow.xsd.error_codes import CODES
from singlewindow.xsd.judge_child import judge
