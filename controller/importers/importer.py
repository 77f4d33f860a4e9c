"""What every importer is: it knows the files of one evaluation tool, and reads them into the normal form."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from controller.importers.file import ReportFile
from stages import EvalReport


class Importer(ABC):
    """Reads the report files of one tool.

    ``tool`` is its name in requests and in reports. ``written_by`` tells people how to get the file that it reads.
    """

    tool: ClassVar[str]
    written_by: ClassVar[str]

    @abstractmethod
    def recognises(self, file: ReportFile) -> bool:
        """Whether a file looks like one of this tool's. Nothing is raised, whatever the file holds."""

    @abstractmethod
    def read(self, file: ReportFile) -> EvalReport:
        """Read a file.

        Of what the tool was configured with, nothing enters the report but names of models, providers and prompts:
        configurations hold secrets.

        Raises:
            BadReport: The file is damaged, contradicts itself, or is not of this tool; names the place in it.
        """
