------------------------------- MODULE TraceRaft -------------------------------
\* Checks one protocol trace (../trace-format.md) against the Raft specification with TLC:
\*
\*   TRACE=trace.ndjson java -cp tla2tools.jar:CommunityModules-deps.jar tlc2.TLC -workers 1 TraceRaft
\*
\* The same transcription as packages/testkit/src/trace-validation, which is what tests run: the actions of Ongaro's
\* raft.tla, with the extensions of ../trace-format.md, section 4. A trace is accepted when some behaviour explains all
\* of its lines; TLC follows every choice that the lines leave open.

EXTENDS Naturals, Sequences, FiniteSets, TLC, Json, IOUtils

Trace == SelectSeq(ndJsonDeserialize(IOEnv.TRACE),
                   LAMBDA line : "tag" \in DOMAIN line /\ line.tag = "trace")

Nobody == "0"
Follower == "StateFollower"
Candidate == "StateCandidate"
Leader == "StateLeader"

VARIABLES
    line,     \* the next line of the trace
    server,   \* the state of each server that has begun: a function from names to records
    sent,     \* every message ever sent, with the entries that it carries
    leaders   \* who led which term: a set of <<term, name>>

vars == <<line, server, sent, leaders>>

Max(a, b) == IF a > b THEN a ELSE b
Min(a, b) == IF a < b THEN a ELSE b
Set(sequence) == {sequence[i] : i \in DOMAIN sequence}
Field(record, name, otherwise) == IF name \in DOMAIN record THEN record[name] ELSE otherwise

--------------------------------------------------------------------------------
\* Logs and configurations. A log is a sequence of [term, conf]; conf is a set of none or one configuration.

Prefix(log, length) == SubSeq(log, 1, Min(length, Len(log)))
TermAt(log, index) == IF index = 0 THEN 0 ELSE log[index].term
LastTerm(log) == TermAt(log, Len(log))
Common(a, b) == CHOOSE n \in 0 .. Min(Len(a), Len(b)) :
                    /\ Prefix(a, n) = Prefix(b, n)
                    /\ n < Min(Len(a), Len(b)) => a[n + 1] # b[n + 1]

LineConf(e) == [voters |-> Set(e.conf[1]), outgoing |-> Set(e.conf[2]), learners |-> Set(e.learners)]

ConfIndexes(log) == {i \in DOMAIN log : log[i].conf # {}}
ConfIndex(log) == IF ConfIndexes(log) = {} THEN 0
                  ELSE CHOOSE i \in ConfIndexes(log) : \A j \in ConfIndexes(log) : j <= i
ConfOf(log, base) == IF ConfIndex(log) = 0 THEN base
                     ELSE CHOOSE conf \in log[ConfIndex(log)].conf : TRUE
Conf(s) == ConfOf(s.log, s.base)

Voters(conf) == conf.voters \union conf.outgoing
Members(conf) == Voters(conf) \union conf.learners
IsMajority(agreeing, of) == 2 * Cardinality(agreeing \intersect of) > Cardinality(of)
IsQuorum(agreeing, conf) == /\ IsMajority(agreeing, conf.voters)
                            /\ conf.outgoing = {} \/ IsMajority(agreeing, conf.outgoing)

--------------------------------------------------------------------------------
\* A server's state. What is kept across a crash is staged first and durable later: `durable` is what no crash takes
\* back, `pending` what each staged mutation since has made of it, with the number under which it was told (0: not yet).

Kept(s) == [term |-> s.term, vote |-> s.vote, log |-> s.log, base |-> s.base, proved |-> s.proved]

Born(kept, commit) ==
    [term |-> kept.term, vote |-> kept.vote, log |-> kept.log, base |-> kept.base, proved |-> kept.proved,
     role |-> Follower, commit |-> commit, applied |-> commit, durable |-> kept, pending |-> <<>>,
     votes |-> {}, match |-> <<>>, agreed |-> 0, bound |-> 0]

Staged(s) == [s EXCEPT !.pending = Append(@, [kept |-> Kept(s), seq |-> 0])]

DurableLength(s) ==
    LET lengths == {Common(s.log, s.durable.log)} \union {Common(s.log, s.pending[i].kept.log) : i \in DOMAIN s.pending}
    IN CHOOSE n \in lengths : \A m \in lengths : n <= m

IsVoteDurable(s) == s.durable.term = s.term /\ s.durable.vote = s.vote

\* A prefix of what was staged, an append perhaps cut between two entries.
Survivors(s) ==
    LET former(i) == IF i = 1 THEN s.durable ELSE s.pending[i - 1].kept
        cuts(i) == LET a == former(i).log
                       b == s.pending[i].kept.log
                   IN IF Len(a) < Len(b) /\ Prefix(b, Len(a)) = a
                      THEN {[former(i) EXCEPT !.log = Prefix(b, n)] : n \in Len(a) .. Len(b)}
                      ELSE {}
    IN {s.durable} \union UNION {{s.pending[i].kept} \union cuts(i) : i \in DOMAIN s.pending}

AsFollower(s) == IF s.role = Follower THEN s
                 ELSE [s EXCEPT !.role = Follower, !.votes = {}, !.match = <<>>]
InTerm(s, term) == Staged([AsFollower(s) EXCEPT !.term = term, !.vote = Nobody, !.agreed = 0])
AsCandidate(s, name) ==
    Staged([s EXCEPT !.role = Candidate, !.term = @ + 1, !.vote = name, !.votes = {}, !.match = <<>>, !.agreed = 0])

MayCampaign(s, name) ==
    \/ name \in Voters(Conf(s))
    \/ /\ ConfIndex(s.log) > s.commit
       /\ name \in Voters(ConfOf(Prefix(s.log, ConfIndex(s.log) - 1), s.base))

Shows(s, e) ==
    /\ s.term = e.state.term
    /\ s.vote = e.state.vote
    /\ s.commit = e.state.commit
    /\ s.role = e.role
    /\ Len(s.log) = e.log
    /\ Conf(s) = LineConf(e)

--------------------------------------------------------------------------------
\* Receiving (raft.tla, "Message handlers"): the set of states that may follow. A message may always be dropped, before
\* or after its term was entered.

Enters(s, m) == /\ m.term > s.term
                /\ m.type # "MsgPreVote"
                /\ m.type = "MsgPreVoteResp" => m.reject

HandleVote(s, m) ==
    LET isLogOk == \/ m.logTerm > LastTerm(s.log)
                   \/ m.logTerm = LastTerm(s.log) /\ m.index >= Len(s.log)
    IN IF isLogOk /\ s.vote = Nobody THEN {Staged([s EXCEPT !.vote = m.from])} ELSE {s}

HandleVoteResponse(s, m) ==
    IF s.role = Candidate /\ ~m.reject THEN {[s EXCEPT !.votes = @ \union {m.from}]} ELSE {s}

HandleAcknowledgement(s, m) ==
    IF s.role # Leader \/ m.reject THEN {s}
    ELSE {[s EXCEPT !.match = (m.from :> Max(m.index, Field(@, m.from, 0))) @@ @]}

\* The state with `log` accepted: nothing is new, or it is longer, or it conflicts above what is committed.
Accepted(s, log) ==
    LET same == Common(s.log, log)
    IN CASE same = Len(log) -> {s}
         [] same = Len(s.log) -> {Staged([s EXCEPT !.log = log])}
         [] same >= s.commit /\ same < Len(log) /\ same < Len(s.log) ->
                {Staged([Staged([s EXCEPT !.log = Prefix(@, same)]) EXCEPT !.log = log])}
         [] OTHER -> {}

HandleAppend(s, message) ==
    LET m == message.msg
        log == message.log
        follower == AsFollower(s)
        isLogOk == m.index <= Len(s.log) /\ Prefix(s.log, m.index) = Prefix(log, m.index)
    IN CASE s.role = Leader -> {}
         [] ~isLogOk -> {follower}
         [] OTHER -> {[next EXCEPT !.agreed = Max(Max(@, Len(log)), s.commit),
                                   !.bound = Max(@, Min(m.commit, Len(log)))] : next \in Accepted(follower, log)}

HandleHeartbeat(s, m) ==
    IF s.role = Leader THEN {} ELSE {[AsFollower(s) EXCEPT !.bound = Max(@, Min(m.commit, Len(s.log)))]}

HandleSnapshot(s, message) ==
    LET index == message.msg.index
        follower == AsFollower(s)
        known == [follower EXCEPT !.agreed = Max(Max(@, s.commit), index), !.bound = Max(@, index)]
    IN CASE s.role = Leader -> {}
         [] index <= s.commit -> {[follower EXCEPT !.agreed = Max(@, s.commit)]}
         [] Prefix(s.log, index) = message.log -> {known}
         [] OTHER -> {Staged([known EXCEPT !.log = message.log, !.base = message.conf, !.proved = index])}

Handle(s, message) ==
    LET m == message.msg
    IN CASE m.type = "MsgVote" -> HandleVote(s, m)
         [] m.type = "MsgVoteResp" -> HandleVoteResponse(s, m)
         [] m.type = "MsgApp" -> HandleAppend(s, message)
         [] m.type = "MsgHeartbeat" -> HandleHeartbeat(s, m)
         [] m.type = "MsgSnap" -> HandleSnapshot(s, message)
         [] m.type \in {"MsgAppResp", "MsgSnapStatus"} -> HandleAcknowledgement(s, m)
         [] OTHER -> {s}

Received(s, message) ==
    LET m == message.msg
        entered == IF Enters(s, m) THEN InTerm(s, m.term) ELSE s
    IN {s, entered} \union (IF m.term < entered.term THEN {} ELSE Handle(entered, message))

Receive(e) ==
    \E message \in sent :
        /\ message.msg = e.msg
        /\ e.msg.to = e.nid
        /\ Shows(server[e.nid], e)
        /\ \E next \in Received(server[e.nid], message) : server' = [server EXCEPT ![e.nid] = next]
        /\ UNCHANGED <<sent, leaders>>

--------------------------------------------------------------------------------
\* What a server does by itself: the set of next states, empty where it may not.

Appended(s, count, conf) ==
    LET entry(i) == [term |-> s.term, conf |-> IF i = count THEN conf ELSE {}]
    IN Staged([s EXCEPT !.log = @ \o [i \in 1 .. count |-> entry(i)]])

MayFollow(present, next) ==
    /\ next.voters # {}
    /\ CASE present.outgoing # {} -> next.outgoing = {} /\ next.voters = present.voters
         [] next.outgoing # {} -> next.outgoing = present.voters
         [] OTHER -> Cardinality((present.voters \ next.voters) \union (next.voters \ present.voters)) <= 1

Held(s, name, other) == IF other = name THEN DurableLength(s) ELSE Field(s.match, other, 0)

MayCommit(s, name, index) ==
    /\ index > s.commit
    /\ index <= Len(s.log)
    /\ IF s.role = Leader
       THEN /\ TermAt(s.log, index) = s.term
            /\ IsQuorum({other \in Voters(Conf(s)) : Held(s, name, other) >= index}, Conf(s))
       ELSE index <= s.bound

WithSeq(s, seq) ==
    [s EXCEPT !.pending = [i \in DOMAIN @ |-> IF @[i].seq = 0 THEN [@[i] EXCEPT !.seq = seq] ELSE @[i]]]

Synced(s, seq) ==
    LET later == {i \in DOMAIN s.pending : s.pending[i].seq > seq}
        rest == IF later = {} THEN Len(s.pending) + 1 ELSE CHOOSE i \in later : \A j \in later : i <= j
    IN IF rest = 1 THEN s
       ELSE [s EXCEPT !.durable = s.pending[rest - 1].kept, !.pending = SubSeq(@, rest, Len(@))]

Own(s, e) ==
    LET name == e.nid
    IN CASE e.name = "BecomeCandidate" ->
                IF s.role # Leader /\ MayCampaign(s, name) THEN {AsCandidate(s, name)} ELSE {}
         [] e.name = "BecomeLeader" ->
                IF /\ s.role = Candidate
                   /\ \A other \in leaders : other[1] = s.term => other[2] = name
                   /\ IsQuorum(s.votes \union (IF IsVoteDurable(s) THEN {name} ELSE {}), Conf(s))
                THEN {[s EXCEPT !.role = Leader, !.votes = {}, !.match = <<>>]} ELSE {}
         [] e.name = "BecomeFollower" -> {AsFollower(s)}
         [] e.name = "Replicate" -> IF s.role = Leader THEN {Appended(s, e.prop.count, {})} ELSE {}
         [] e.name = "ChangeConf" ->
                IF /\ s.role = Leader
                   /\ TermAt(s.log, s.commit) = s.term
                   /\ ConfIndex(s.log) <= s.commit
                   /\ MayFollow(Conf(s), LineConf(e))
                THEN {[Appended(s, 1, {LineConf(e)}) EXCEPT
                        !.match = [other \in DOMAIN @ \intersect Members(LineConf(e)) |-> @[other]]]}
                ELSE {}
         [] e.name = "ApplyConfChange" -> {s}
         [] e.name = "Commit" ->
                IF MayCommit(s, name, e.state.commit) THEN {[s EXCEPT !.commit = e.state.commit]} ELSE {}
         [] e.name = "Advance" ->
                IF e.prop.applied > s.applied /\ e.prop.applied <= Min(s.commit, DurableLength(s))
                THEN {[s EXCEPT !.applied = e.prop.applied]} ELSE {}
         [] e.name = "Stage" -> {WithSeq(s, e.prop.seq)}
         [] e.name = "Ready" -> {Synced(s, e.prop.seq)}
         [] OTHER -> {}

OwnNames == {"BecomeCandidate", "BecomeLeader", "BecomeFollower", "Replicate", "ChangeConf", "ApplyConfChange",
             "Commit", "Advance", "Stage", "Ready"}

Act(e) ==
    /\ \E next \in Own(server[e.nid], e) : Shows(next, e) /\ server' = [server EXCEPT ![e.nid] = next]
    /\ leaders' = IF e.name = "BecomeLeader" THEN leaders \union {<<e.state.term, e.nid>>} ELSE leaders
    /\ UNCHANGED sent

--------------------------------------------------------------------------------
\* Sending: role, term and contents are true of the sender; what promises something is durable.

MaySend(s, e) ==
    LET m == e.msg
    IN /\ m.from = e.nid
       /\ m.to # e.nid
       /\ m.type \notin {"MsgPreVote", "MsgPreVoteResp"} => m.term = s.term
       /\ m.type \in {"MsgApp", "MsgHeartbeat", "MsgSnap", "MsgTimeoutNow"} =>
              s.role = Leader /\ m.to \in Members(Conf(s))
       /\ CASE m.type = "MsgVote" ->
                  /\ s.role = Candidate
                  /\ IsVoteDurable(s)
                  /\ m.to \in Voters(Conf(s))
                  /\ m.index = Len(s.log)
                  /\ m.logTerm = LastTerm(s.log)
            [] m.type = "MsgVoteResp" -> m.reject \/ (s.vote = m.to /\ IsVoteDurable(s))
            [] m.type = "MsgApp" ->
                  /\ m.index + m.entries <= Len(s.log)
                  /\ m.logTerm = TermAt(s.log, m.index)
                  /\ m.commit <= s.commit
            [] m.type = "MsgHeartbeat" -> m.commit <= Min(s.commit, Field(s.match, m.to, 0))
            [] m.type = "MsgSnap" -> m.index <= s.commit /\ m.logTerm = TermAt(s.log, m.index)
            [] m.type \in {"MsgAppResp", "MsgSnapStatus"} ->
                  m.reject \/ (m.index <= s.agreed /\ m.index <= DurableLength(s))
            [] OTHER -> TRUE

Carried(s, m) == CASE m.type = "MsgApp" -> Prefix(s.log, m.index + m.entries)
                   [] m.type = "MsgSnap" -> Prefix(s.log, m.index)
                   [] OTHER -> <<>>

Send(e) ==
    LET s == server[e.nid]
        log == Carried(s, e.msg)
    IN /\ Shows(s, e)
       /\ MaySend(s, e)
       /\ sent' = sent \union {[msg |-> e.msg, log |-> log, conf |-> ConfOf(log, s.base)]}
       /\ UNCHANGED <<server, leaders>>

--------------------------------------------------------------------------------
\* Lives begin: the first with nothing, later ones with a state that a crash may bring back, or that one last step of
\* which no line tells has reached.

Empty(e) == [term |-> 0, vote |-> Nobody, log |-> <<>>, base |-> LineConf(e), proved |-> 0]

\* An id that is in no committed configuration any more may come back as a new server, on an empty disk.
IsRemoved(name) ==
    \E other \in DOMAIN server :
        LET log == Prefix(server[other].log, server[other].commit)
        IN /\ ConfIndex(log) > 0
           /\ name \notin Members(ConfOf(log, server[other].base))
           /\ \A third \in DOMAIN server : server[third].commit <= server[other].commit

LedOn(s, e) ==
    IF s.role = Follower \/ e.log <= Len(s.log) THEN {}
    ELSE {Appended(s, e.log - Len(s.log), IF Conf(s) = LineConf(e) THEN {} ELSE {LineConf(e)})}

Unobserved(s, e) ==
    LET heard == UNION {Received(s, message) : message \in {m \in sent : m.msg.to = e.nid}}
        stood == IF s.role = Leader THEN {} ELSE {AsCandidate(t, e.nid) : t \in heard \union {s}}
        steps == {s} \union heard \union stood
    IN steps \union UNION {LedOn(t, e) : t \in steps}

Restart(s, e) ==
    \E t \in Unobserved(s, e) :
        \E kept \in Survivors(t) :
            /\ e.state.commit <= Max(Max(t.commit, t.bound), kept.proved)
            /\ server' = (e.nid :> Born(kept, e.state.commit)) @@ server

InitState(e) ==
    /\ IF e.nid \notin DOMAIN server \/ (e.log = 0 /\ e.state.term = 0 /\ IsRemoved(e.nid))
       THEN server' = (e.nid :> Born(Empty(e), 0)) @@ server
       ELSE Restart(server[e.nid], e)
    /\ Shows(server'[e.nid], e)
    /\ UNCHANGED <<sent, leaders>>

--------------------------------------------------------------------------------

Init == line = 1 /\ server = <<>> /\ sent = {} /\ leaders = {}

IsReceived(name) == name \in {"ReceiveRequestVoteRequest", "ReceiveRequestVoteResponse", "ReceiveAppendEntriesRequest",
                              "ReceiveAppendEntriesResponse", "ReceiveSnapshot", "ReceiveSnapshotResponse", "ReceiveOther"}
IsSent(name) == name \in {"SendRequestVoteRequest", "SendRequestVoteResponse", "SendAppendEntriesRequest",
                          "SendAppendEntriesResponse", "SendSnapshot", "SendSnapshotResponse", "SendOther"}

Next ==
    /\ line <= Len(Trace)
    /\ line' = line + 1
    /\ LET e == Trace[line].event
       IN \/ e.name = "InitState" /\ InitState(e)
          \/ e.name \in OwnNames /\ Act(e)
          \/ IsReceived(e.name) /\ Receive(e)
          \/ IsSent(e.name) /\ Send(e)

Spec == Init /\ [][Next]_vars

\* Theorems of the specification (§5.2 to §5.4), of every state that explains the trace so far.
ElectionSafety == \A a, b \in leaders : a[1] = b[1] => a = b
LogMatching ==
    \A a, b \in DOMAIN server :
        \A i \in 1 .. Min(Len(server[a].log), Len(server[b].log)) :
            server[a].log[i].term = server[b].log[i].term => Prefix(server[a].log, i) = Prefix(server[b].log, i)
StateMachineSafety ==
    \A a, b \in DOMAIN server :
        LET n == Min(server[a].commit, server[b].commit)
        IN Prefix(server[a].log, n) = Prefix(server[b].log, n)

\* Some behaviour explains every line: the search went as deep as the trace is long.
TraceAccepted ==
    IF TLCGet("stats").diameter - 1 = Len(Trace) THEN TRUE
    ELSE Print(<<"The trace is refused at line", TLCGet("stats").diameter, Trace[TLCGet("stats").diameter]>>, FALSE)

================================================================================
