"""Order and payment statuses of shop systems: which ones are cancelled, unpaid or refunded."""

from __future__ import annotations

from typing import Final

import narwhals as nw

from smart_retail.data import columns as c
from smart_retail.data.parsing.whitespace import is_not_blank

STATUS_COLUMNS: Final = (c.ORDER_STATUS, c.PAYMENT_STATUS, c.CANCELLED_AT)

CANCELLED_STATUSES: Final = (
    "cancelled", "canceled", "wc-cancelled", "failed", "wc-failed", "voided", "void", "declined", "trash", "storniert",
    "abgebrochen", "fehlgeschlagen", "annulé", "annulée", "échoué", "échouée", "cancelado", "cancelada", "anulado",
    "fallido", "annullato", "fallito", "geannuleerd", "mislukt", "falhou", "anulowane", "anulowano", "nieudane",
)  # fmt: skip
UNPAID_STATUSES: Final = (
    "pending", "pending payment", "wc-pending", "unpaid", "awaiting payment", "on hold", "on-hold", "wc-on-hold",
    "expired", "unbezahlt", "zahlung ausstehend", "in wartestellung", "en attente", "en attente de paiement", "impayé",
    "pendiente", "pendiente de pago", "en espera", "in attesa", "in attesa di pagamento", "wacht op betaling",
    "in de wacht", "aguardando pagamento", "pendente", "oczekuje na płatność", "nieopłacone", "wstrzymane",
)  # fmt: skip
REFUNDED_STATUSES: Final = (
    "refunded", "fully refunded", "wc-refunded", "returned", "erstattet", "rückerstattet", "remboursé", "remboursée",
    "reembolsado", "reembolsada", "rimborsato", "terugbetaald", "zwrócone", "zwrócono",
)  # fmt: skip

COMPLETED_STATUSES: Final = (
    "completed", "complete", "processing", "paid", "shipped", "delivered", "fulfilled", "unfulfilled", "authorized",
    "closed", "open", "new", "wc-completed", "wc-processing", "partially refunded", "partially_refunded", "returned",
    "abgeschlossen", "bezahlt", "versendet", "versandt", "geliefert", "in bearbeitung", "offen", "terminée", "payée",
    "expédiée", "livrée", "completado", "pagado", "enviado", "entregado", "completato", "pagato", "spedito",
    "consegnato", "voltooid", "betaald", "verzonden", "geleverd", "concluído", "pago", "entregue", "zrealizowane",
    "opłacone", "wysłane", "dostarczone",
)  # fmt: skip
KNOWN_STATUSES: Final = frozenset(CANCELLED_STATUSES + UNPAID_STATUSES + REFUNDED_STATUSES + COMPLETED_STATUSES)
"""All statuses by which a column of statuses is recognised."""


def has_status(column: str, statuses: tuple[str, ...]) -> nw.Expr:
    """Return whether a status column has one of some values; case and spaces around are ignored."""
    return nw.col(column).str.strip_chars().str.to_lowercase().is_in(statuses).fill_null(False)


def status_checks(names_present: set[str], rejected: tuple[str, ...] = ()) -> list[tuple[str, nw.Expr]]:
    """Return the rejection reasons that depend on a status, each with the condition of valid rows.

    Parameters
    ----------
    names_present : set of str
        Columns of the source.
    rejected : tuple of str
        Statuses of orders that are not valid, in addition to the known ones.
    """
    checks = []
    if rejected and c.ORDER_STATUS in names_present:
        checks.append(("cancelled order", ~has_status(c.ORDER_STATUS, rejected)))
    if c.CANCELLED_AT in names_present:
        checks.append(("cancelled order", ~is_not_blank(nw.col(c.CANCELLED_AT))))
    for column in (c.ORDER_STATUS, c.PAYMENT_STATUS):
        if column in names_present:
            checks.append(("cancelled order", ~has_status(column, CANCELLED_STATUSES)))
            checks.append(("unpaid order", ~has_status(column, UNPAID_STATUSES)))
    return checks
