"""What people of a university write to each other, in French and English: subjects, and the turns of each conversation."""

CONVERSATIONS: dict[str, list[tuple[str, list[str]]]] = {
    "fr": [
        ("Réunion du département jeudi", [
            "Bonjour à toutes et à tous,\n\nNous nous retrouvons jeudi à 14 h en salle B214. L’ordre du jour est joint : budget, "
            "recrutements, et le colloque de printemps.\n\nMerci de me dire avant mardi si vous serez là.",
            "Bonjour,\n\nJe serai là, avec dix minutes de retard : j’ai cours jusqu’à 14 h à l’autre bout du campus.",
            "C’est noté. Nous commencerons par le point d’information, vous ne manquerez rien.",
        ]),
        ("Copies d’examen à rendre", [
            "Bonjour,\n\nLes notes de la première session sont attendues au secrétariat pour le 24 janvier. Il me manque encore trois groupes "
            "de travaux dirigés.\n\nPouvez-vous me les envoyer dans le tableau joint ?",
            "Voici le tableau complété. Deux étudiants sont notés « défaillants » : ils ont prévenu trop tard.",
            "Merci beaucoup, tout est saisi.",
        ]),
        ("Emploi du temps du second semestre", [
            "Chers collègues,\n\nVous trouverez ci-joint une première version. Les salles informatiques sont demandées par tout le monde le "
            "mardi : il faudra s’arranger.",
            "Je peux laisser le mardi matin si quelqu’un prend mon créneau du vendredi, 16 h – 18 h…",
            "Je le prends volontiers, cela m’évite un aller-retour.", "Parfait. Version 2 jointe, elle est définitive sauf erreur.",
        ]),
        ("Colloque de printemps : appel à communications", [
            "Bonjour,\n\nLe comité vous invite à proposer une communication pour le colloque « Archives et mémoire » (17 et 18 avril). "
            "Résumé d’une page avant le 1er février.",
            "Bonjour,\n\nMa proposition est jointe. Je préférerais parler le premier jour, si c’est possible.",
        ]),
        ("Clés du bureau B214", [
            "Bonjour,\n\nLa serrure a été changée ce matin. Les nouvelles clés sont à la loge, contre signature.",
            "Merci ! La loge ferme à quelle heure le vendredi ?", "À 17 h 30.",
        ]),
        ("Attestation d’inscription", [
            "Madame, Monsieur,\n\nPourriez-vous m’envoyer une attestation d’inscription pour l’année en cours ? Ma banque me la demande "
            "avant la fin du mois.\n\nNuméro d’étudiante : 22 104 517.",
            "Bonjour,\n\nVotre attestation est jointe. Vous pouvez aussi la télécharger vous-même depuis votre espace personnel.",
            "Merci infiniment pour votre rapidité !",
        ]),
        ("Soutenance : salle et horaire", [
            "Bonjour,\n\nLa soutenance aura lieu le 12 juin à 9 h 30, amphithéâtre Gauss. Le pré-rapport de M. Okonkwo est arrivé, il est très favorable.",
            "Quelle bonne nouvelle ! Faut-il prévoir une visioconférence pour le membre du jury qui est à Montréal ?",
            "Oui : c’est réservé. Le lien suivra la veille.",
        ]),
        ("Relance : ouvrages en retard", [
            "Bonjour,\n\nDeux ouvrages empruntés sont attendus depuis quinze jours :\n\n  – Histoire de la Méditerranée, t. II\n"
            "  – L’Été grec\n\nMerci de les rapporter ou de prolonger le prêt en ligne.",
        ]),
        ("Déjeuner vendredi ?", ["On déjeune vendredi, à la cantine du bâtiment C ?", "Avec plaisir. 12 h 15, devant l’entrée ?", "Ça marche !"]),
    ],
    "en": [
        ("Your paper on migrating birds", [
            "Dear colleague,\n\nI read your preprint with great interest. Would you share the ringing data behind figure 3? We have a "
            "comparable series from the Åland islands, 1998–2024.",
            "Thank you! The table is attached; station 7 moved by 400 m in 2011, so please treat it as two.",
            "That explains the step we saw. I will send you our comparison before Easter.",
        ]),
        ("Thesis defence: room and time", [
            "Hello everyone,\n\nThe defence is on 12 June at 9:30, lecture theatre Gauss. The external report has arrived and is very favourable.",
            "Wonderful. I will join from Montréal; could somebody test the camera with me the day before?",
            "I booked half an hour on the 11th at 16:00 our time.",
        ]),
        ("Grant report due", [
            "Hi,\n\nThe agency wants the interim report by the 30th, ten pages at most, with the budget table. Could you take section 2?",
            "Sure. Draft attached; the numbers for travel are still missing.", "Numbers are in the attached sheet. Sent it off this afternoon, thanks!",
        ]),
        ("Lunch on Friday", ["Lunch on Friday? The place by the river has reopened.", "Count me in. 12:30?", "12:30 it is."]),
        ("Field work: boat and permits", [
            "Dear all,\n\nThe boat is ours from 3 to 14 May. Permits for the two northern islands came through, the southern one needs another form.",
            "I filled the form and sent it to the prefecture. Who brings the spare batteries?", "I do. Packing list attached.",
        ]),
        ("Seminar: change of room", ["The seminar on Wednesday moves to B110, same time. The old room is being painted."]),
        ("Review request: manuscript 2025-0417", [
            "Dear Dr.,\n\nWould you be able to review the attached manuscript within three weeks?", "I would, though four weeks would suit me better.",
            "Four weeks is fine. Thank you very much.",
        ]),
    ],
}  # fmt: skip
CLOSINGS = {
    "fr": ("Bien cordialement,", "À bientôt,", "Bonne journée,"),
    "en": ("Best wishes,", "Kind regards,", "See you,"),
}
REPLY = {"fr": "Le {date}, {name} a écrit :", "en": "On {date}, {name} wrote:"}
NEWSLETTER = {
    "fr": (
        "Lettre d’information no {n}",
        "<h1>La vie du campus</h1><p>Exposition, concerts, don du sang : <b>tout le mois de mars</b>.</p>",
    ),
    "en": (
        "Newsletter no. {n}",
        "<h1>Life on campus</h1><p>Exhibition, concerts, blood donation: <b>all of March</b>.</p>",
    ),
}
ATTACHMENTS = {
    "fr": ("Ordre du jour.pdf", "Notes – groupe 3.csv", "Réunion.ics", "Affiche d’été.png"),
    "en": ("Agenda.pdf", "Figures.csv", "Meeting.ics", "Map.png"),
}
