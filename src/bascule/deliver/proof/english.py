"""The report in English."""

from bascule.deliver.proof.words import Words

EN = Words(
    language="en",
    colon=": ",
    semicolon="; ",
    weekdays=("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
    months=(
        "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December",
    ),
    day="{} {} {} {} at {:02d}:{:02d} UTC",
    heads=("Folder", "Found", "Delivered", "Already there", "Refused", "Left out"),
    total="Total",
    title="Report: {}",
    report="Report: {}",
    kinds={
        "copy": "copy of a mailbox",
        "capture": "capture of the old mailbox",
        "deliver": "transfer",
        "import": "import of files",
        "report": "state of the mailbox",
    },
    source="From",
    target="To",
    begun="Begun",
    ended="Ended",
    read_back="Read back",
    by="By",
    nothing="nothing",
    none="None.",
    folders="Folders",
    exceptions="Messages to look at",
    details="Details",
    exception_heads=("Where", "Message", "What happened, and what to do"),
    saved="saved as",
    on_target="On the new platform it is called {} ({}).",
    renamed="{} is called {} on the new platform: {}",
    more="… and {} more, in the report's files",
    stopped="Stopped before the end: {}. What was delivered until then is kept, and counted below.",
    empty="The old mailbox holds no message.",
    good=("The one message is accounted for.", "All {} messages are accounted for."),
    good_read=(
        "The one message is accounted for. Read back, it was neither missing nor altered.",
        "All {} messages are accounted for. Read back, none was missing or altered.",
    ),
    good_unread=(
        "The one message is accounted for. It was not read back ({}).",
        "All {} messages are accounted for. Not read back: {}.",
    ),
    bad=("Of {} message, {} is in order. To look at: {}.", "Of {} messages, {} are in order. To look at: {}."),
    named="Each is named below, with what to do.",
    refused=("{} refused", "{} refused"),
    altered=("{} delivered, but not exactly as it was", "{} delivered, but not exactly as they were"),
    unaccounted=("{} not dealt with yet", "{} not dealt with yet"),
    unlisted=("{} that the old platform counts and does not list", "{} that the old platform counts and does not list"),
    unread_folder=("{} folder that could not be read", "{} folders that could not be read"),
    refused_folder=(
        "{} folder that the new platform does not make or open",
        "{} folders that the new platform does not make or open",
    ),
    removed=(
        "{} message was no longer where it had been put: somebody has moved or removed it on the new platform since. It had arrived there, and is left so.",
        "{} messages were no longer where they had been put: somebody has moved or removed them on the new platform since. They had arrived there, and are "
        "left so.",
    ),
    marked=(
        "{} message has other marks on the new platform (read, flagged …) than on the old one, put there by somebody. They are kept.",
        "{} messages have other marks on the new platform (read, flagged …) than on the old one, put there by somebody. They are kept.",
    ),
    line_ends=(
        "{} message had lines that end in LF alone, as on Unix, and was sent with CRLF, as mail is written. Nothing of its text was changed.",
        "{} messages had lines that end in LF alone, as on Unix, and were sent with CRLF, as mail is written. Nothing of their text was changed.",
    ),
    unread_note="The old platform did not let this folder be read to the end in this run: {}. The figures are those of earlier runs, whose messages stay "
    "where they were delivered; what has come since is not known. What to do: run again later; if it stays so, ask who runs the old platform.",
    refused_note="The new platform does not make or open this folder: {}. Its messages are still on the old platform. What to do: make it there by "
    "hand, or give it another name (--rename), and run again.",
    unlisted_note=(
        "The old platform counts {} more message than it lists, and so does not give it. What to do: ask who runs it to repair the folder's index, and run "
        "again.",
        "The old platform counts {} more messages than it lists, and so does not give them. What to do: ask who runs it to repair the folder's index, and run "
        "again.",
    ),
    verified="Verified: {}.",
    verified_on="{}, on {}",
    verified_between="{}, between {} and {}",
    by_details_only="A change of octets that keeps the size shows only where every octet is read back (--verify full).",
    in_full="{} read back in full",
    by_details="{} by size, date and flags",
    not_read="{} not read back",
    what_to_do="What to do",
    terms_heading="How to read the figures",
    terms=(
        ("Found", "what the old platform counts in the folder."),
        ("Delivered", "written to the new platform, by this run or an earlier one, whatever has been done with it there since. Altered messages are among "
         "them, and are named."),
        ("Already there", "an equal message was on the new platform before; it is not sent a second time."),
        ("Refused", "the new platform does not take it, or the old one does not give it. It stays on the old platform, and is named."),
        ("Left out", "by choice, such as a date or a size."),
    ),
    held="stored in the mailbox on disk, whole, each with its SHA-256.",
    note="In each folder found = delivered + already there + refused + left out; where that does not add up, the report says so. What was read back was as "
    "described at that time; what people do with their messages later is theirs, and is told only where a run came to see it. The SHA-256 of each message is in "
    "manifest.sha256 beside this page, or in that of an earlier run on which it builds; “bascule report --check certificate.json” tells whether any of these files was changed.",
    codes={
        "refused-empty": "The new platform refuses a message without content",
        "refused-size": "The new platform refuses a message of this size",
        "refused-content": "The new platform refuses what is in it",
        "refused-quota": "The new platform had no room left",
        "refused-folder": "The new platform does not make or open the folder",
        "refused-busy": "The new platform could not take it yet",
        "altered": "Delivered, and not exactly as it was",
        "duplicate": "Delivered, and one copy too many is there",
        "unreadable": "The old platform lists it and does not give it",
        "missing": "Accepted by the new platform, and not there when read back",
        "unaccounted": "Not dealt with yet",
    },
    remedies={
        "refused-empty": "Nothing: there is not one character in it.",
        "refused-size": "Ask who runs the new platform for a higher limit and run again; or give its owner the saved file.",
        "refused-content": "Run again with --mend, which sends it without what is in the way and says what that was; or give its owner the saved file.",
        "refused-quota": "Raise the quota and run again: it goes on where it stopped.",
        "refused-folder": "Make the folder there by hand, or give it another name (--rename), and run again.",
        "refused-busy": "Run again later.",
        "altered": "Nothing is lost: the old mailbox has it as it was. Tell its owner if what differs matters to them.",
        "duplicate": "Nothing is lost. Remove one of the two copies by hand.",
        "unreadable": "Run again; if it stays so, ask who runs the old platform to look at this message.",
        "missing": "Run again in ten minutes or later: it is looked for, and sent again if it is not there. The old mailbox has it.",
        "unaccounted": "Run again: it is dealt with then.",
    },
)  # fmt: skip
