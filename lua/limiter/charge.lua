--- Charge a subject under rules of any algorithm: all of them, or none.
--
-- Invariant: no enforced rule admits more than its algorithm allows, and no rule is charged unless all of them allow. A
-- shadow rule is charged when the call passes and the rule would have allowed it. Penalties and refunds (fewer than 0 tokens)
-- apply even above the limit. No count goes below 0 or above twice what a rule allows at once.
--
-- A settlement corrects an earlier charge. It contains the time of that charge, and corrects only the rules that were charged.
-- Tokens that came back with time since then are not given back again; each algorithm documents how. A refund without a
-- charge gives back the latest tokens.
--
-- The script reads and checks every key, and builds the reply, before the first write. It refuses data that it cannot read.
--
-- A state is the string of take.lua: an entry (id, expiry, a number of the algorithm, time, another number) for each rule. The
-- entries of this call's rules are first and have the key's own expiry, without that of a block. Entries of other rules still in use follow, at most 32
-- in all. A block may precede them. Two entries of bans may be the last, see banning.lua. Logs and slots have their own keys.
--
-- When the server's clock was set back, used tokens stay used, counted from the new time. The new time is written even when
-- nothing is charged; otherwise a subject could wait until the clock reaches its old time again.
-- @batch 16
-- @full refused      it may add a subject; a refused refund is safe, because tokens come back with time
-- @include now
-- @include limiter/charging
-- @include limiter/ban_of
-- @shared rules       for each rule: letter of its algorithm, number of its key, 1 for a shadow rule, id, and four numbers
-- @item keys places   states, logs (strings) and slots (sorted sets), in the order in which the rules number them
-- @item arg cost      whole tokens: fewer than 0 for a refund, 0 to read only
-- @item arg how       'take'; 'lease' to take tokens that may be used later; 'try' to charge also when denied, up to twice what a rule allows; 'set' to charge as many tokens as were never charged before; "ban …" to take, and to count a denial (see banning.lua); 'add' to charge even above the limit; to settle, "charged elapsed rules": Redis' time of the charge, the microseconds since then by the caller's clock, and 1 for each charged rule, 0 for others, and l for leased tokens
-- @item arg lease     id of the lease, if a slot may be charged
-- @returns list       1, Redis' time, and for each rule 1 if it refuses (else 0) and its state; 0 and the same when denied; 2, microseconds and reason when blocked; with "ban …" four numbers follow for each ban that begins or is in shadow: number of its state, 1 if it begins, bans in a row, microseconds until it ends; 3 and Redis' time when the calendar periods that the client sent do not contain that time

-- More tokens than any rule has.
local LARGEST = 2000000000
local of = charging.open(rules)

local function item(places, cost, how, lease)
  if of.mistimed then
    return { 3, now }
  end
  local banning, ban = ban_of(how)
  if how == 'set' then
    -- What this writes can be read again, so the charge that follows is not refused.
    local all, wrong = charging.prepare(of, places, -LARGEST, 'set', '')
    if not all then
      return wrong
    end
    charging.apply(of, all)
    how = 'add'
  end
  local plan, refused = charging.prepare(of, places, cost, ban and ban.how or how, lease)
  if not plan then
    return refused
  end
  local bans = ban and banning.prepare(ban, of, plan, cost)
  charging.apply(of, plan)
  if bans then
    banning.apply(ban, bans)
    return bans.reply
  end
  return plan.reply
end
