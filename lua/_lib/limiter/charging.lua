-- `charging`: charges a subject under rules of any algorithm, in two phases. lua/limiter/charge.lua has the invariants and the formats.
--
-- - `charging.open(rules)` returns the object of rules. `rules` has a line for each: letter of its algorithm, number of its key, 1 for a
--   shadow rule, id, and four numbers. Its `mistimed` is true when the calendar periods of the rules do not contain Redis' time.
-- - `charging.prepare(of, places, cost, how, lease)` reads and decides, and writes nothing. It returns a plan with `allowed` and the `reply`
--   of charge.lua; or nil and an error. `places`: the keys of the subject. With how = 'look' it decides as 'take' does, and charges nothing.
-- - `charging.apply(of, plan)` writes. A plan that is not allowed is applied too: with how = 'try' it charges the denied call, and it corrects times from before the clock was set back.
-- @include now
-- @include limiter/leading_block
-- @include limiter/gcra
-- @include limiter/fixed_window
-- @include limiter/calendar
-- @include limiter/sliding_window
-- @include limiter/sliding_log
-- @include limiter/slots
-- @include limiter/damaged
-- @include limiter/checked_read
local charging = { open = nil, prepare = nil, apply = nil }
local PACKED = { g = gcra, f = fixed_window, c = calendar, w = sliding_window }
local OWN_KEY = { l = sliding_log, s = slots }
local ENTRY, MOST, SECOND = 40, 32, 1000000
-- Larger than every number of a state.
local HUGE = 2 ^ 62
-- The entry that says since when a subject has leased tokens; larger than the ids of rules, and none of those of bans. It is there as long as
-- such tokens may be given back, unless the count was set or reset since: they are not given back then.
local LEASED, LEASED_FOR = 2 ^ 48 + 7, 7200 * SECOND
local ZERO = string.byte('0')
-- Redis counts a TTL from the millisecond in which the script started.
local MARGIN = 2

function charging.open(rules)
  local of = { list = {}, owners = {}, mistimed = false }
  for letter, place, shadow, id, a, b, c, d in string.gmatch(rules, '(%l) (%d+) (%d) (%d+) (%d+) (%d+) (%d+) (%d+)') do
    local rule = { letter = letter, place = tonumber(place), shadow = shadow == '1', id = tonumber(id) }
    rule.does = PACKED[letter] or OWN_KEY[letter]
    of.list[#of.list + 1] = rule
    if OWN_KEY[letter] then
      of.owners[rule.place] = rule
    end
    if rule.does.define(rule, tonumber(a), tonumber(b), tonumber(c), tonumber(d)) then
      of.mistimed = true
    end
  end
  return of
end

-- Reads a state into its rules, and collects the entries of other rules that are still in use. Writes nothing.
local function open(of, key, place)
  local saved = redis.call('GET', key)
  local time, ends, reason, at, listing = leading_block(saved)
  if saved and ((#saved - at) % ENTRY ~= 0 or #saved - at > ENTRY * MOST) then
    damaged(key)
  end
  local state = { key = key, saved = saved, head = '', others = '', expires = 0, count = 0, plain = saved ~= false }
  -- Corrections of times from before the clock was set back: offset and bytes.
  state.steps = {}
  if time then
    if time > now then
      time, ends = now, ends - (time - now)
      state.steps[1] = { 8, struct.pack('<ddd', ends, #reason, time) }
    end
    if ends > now then
      state.ends, state.reason = ends, reason
      state.head = struct.pack('<ddddd', 0, ends, #reason, time, listing) .. reason
    else
      state.plain = false
    end
  end
  state.start = at
  local found = {}
  local others = {}
  for from = at + 1, saved and #saved or 0, ENTRY do
    local id, expires, first, written, second = struct.unpack('<ddddd', saved, from)
    if not (id > 0 and expires >= 0 and expires < HUGE and written >= 0 and first > 0 and second >= 0 and second < HUGE) then
      damaged(key)
    end
    found[id] = { math.min(written, now), first, second, written > now and from }
    state.expires = math.max(state.expires, expires)
    others[#others + 1] = { id, expires, from }
  end
  state.rules = {}
  for _, rule in ipairs(of.list) do
    if rule.place == place then
      local entry = found[rule.id] or {}
      if entry[4] then
        state.steps[#state.steps + 1] = { entry[4] + 23, struct.pack('<d', now) }
        state.back = true
      end
      rule.does.load(rule, entry[1], entry[2], entry[3])
      found[rule.id] = nil
      state.rules[#state.rules + 1] = rule
      -- Entries in the order of the rules can be overwritten in place.
      local same = others[#state.rules]
      state.plain = state.plain and same ~= nil and same[1] == rule.id
    end
  end
  for _, other in ipairs(others) do
    if other[1] == LEASED then
      state.leased = other[2] > now and found[LEASED][1] or nil
      state.leased_until = other[2]
    elseif found[other[1]] and other[2] > now then
      state.others = state.others .. string.sub(saved, other[3], other[3] + ENTRY - 1)
      state.count = state.count + 1
    end
  end
  if state.count + #state.rules > MOST then
    error({ err = 'ERR a subject has the states of more than ' .. MOST .. ' rules' })
  end
  return state
end

local function write(state)
  -- At least a second, so that few charges happen just when the key expires.
  local longest, slack = 0, SECOND
  local entries = {}
  for at, rule in ipairs(state.rules) do
    local time, first, second, until_full = rule.does.entry(rule)
    longest = math.max(longest, until_full)
    if rule.letter == 'g' then
      slack = math.max(slack, until_full + math.max(until_full, SECOND))
    end
    entries[at] = { rule.id, time, first, second }
  end
  local fits = state.plain and not state.back and now + longest <= state.expires
  local ttl = math.ceil(math.max(longest, slack) / 1000)
  if not fits then
    if state.others ~= '' then
      -- Other entries of the state must not expire with the rules of this call.
      ttl = math.max(ttl, math.ceil((state.expires - now) / 1000))
    end
    state.expires = now + ttl * 1000
    -- Nor must its block, which may be without an end: the entries do not get its end, and expire soon after an unblock.
    ttl = math.max(ttl, math.ceil(((state.ends or 0) - now) / 1000))
  end
  local after = ''
  for _, entry in ipairs(entries) do
    after = after .. struct.pack('<ddddd', entry[1], state.expires, entry[3], entry[2], entry[4])
  end
  if fits then
    redis.call('SETRANGE', state.key, state.start, after)
  else
    if state.leased then
      after = after .. struct.pack('<ddddd', LEASED, state.leased_until, 1, state.leased, 0)
    end
    redis.call('SET', state.key, state.head .. after .. state.others, 'PX', ttl + MARGIN)
  end
end

-- The settled charge, if any: its time, and the rules that were charged. After Redis' clock was set back the time of the
-- charge is too late; the time that passed by the caller's clock counts then.
local function settled(how)
  local charged, elapsed, rules, leased = string.match(how, '^(%d+) (%d+) ([01]+)(l?)$')
  if not charged then
    return nil
  end
  return { since = math.min(charged, now - elapsed), rules = rules, leased = leased == 'l' }
end

local function charge(rule, tokens, lease, charged)
  if rule.letter == 's' then
    if lease ~= '' then
      rule.does.add(rule, lease)
    end
  elseif tokens > 0 then
    rule.does.add(rule, tokens)
  elseif charged then
    rule.does.give_back(rule, -tokens, charged.since, false)
  else
    rule.does.give_back(rule, -tokens, now, true)
  end
end

-- Reads and decides. Writes nothing.
local function read(of, places, cost, how, lease)
  local tokens, counting, charged = tonumber(cost), how == 'try', settled(how)
  local leasing = how == 'lease'
  local asked = counting or leasing or how == 'take' or how == 'look'
  local plan = { states = {}, apart = {}, tokens = tokens }
  local blocked = nil
  for place, key in ipairs(places) do
    local owner = of.owners[place]
    if owner then
      owner.does.open(owner, key)
      plan.apart[#plan.apart + 1] = owner
    else
      local state = open(of, key, place)
      plan.states[#plan.states + 1] = state
      if leasing then
        state.leased, state.leased_until, state.plain = state.leased or now, now + LEASED_FOR, false
      elseif how == 'set' then
        state.leased, state.plain = nil, false
      elseif charged and charged.leased and not (state.leased and state.leased <= charged.since) then
        charged.wiped = true
      end
      if asked and state.ends and not (blocked and blocked.ends > state.ends) then
        blocked = state
      end
    end
  end

  local allowed = not blocked
  for _, rule in ipairs(of.list) do
    rule.refuses = rule.does.over(rule, tokens)
    if asked and rule.refuses and not rule.shadow then
      allowed = false
    end
  end
  plan.charges = how ~= 'look' and (allowed or counting and not blocked)
  if plan.charges and tokens ~= 0 then
    for at, rule in ipairs(of.list) do
      local spared = charged and (charged.wiped or string.byte(charged.rules, at) == ZERO)
      if not (asked and allowed and rule.refuses or spared) then
        charge(rule, tokens, allowed and lease or '', charged)
      end
    end
  end

  plan.allowed = allowed
  if blocked then
    plan.reply = { 2, blocked.ends - now, blocked.reason }
    return plan
  end
  plan.reply = { allowed and 1 or 0, now }
  for _, rule in ipairs(of.list) do
    plan.reply[#plan.reply + 1] = rule.refuses and 1 or 0
    rule.does.report(rule, plan.reply, tokens)
  end
  return plan
end

function charging.prepare(of, places, cost, how, lease)
  local function type_of(place)
    return of.owners[place] and of.owners[place].letter == 's' and 'zset' or 'string'
  end
  return checked_read(places, type_of, read, of, places, cost, how, lease)
end

function charging.apply(_, plan)
  for _, state in ipairs(plan.states) do
    for _, step in ipairs(state.steps) do
      redis.call('SETRANGE', state.key, step[1], step[2])
    end
    if plan.charges and #state.rules > 0 and (plan.tokens > 0 or plan.tokens < 0 and state.saved) then
      write(state)
    end
  end
  for _, rule in ipairs(plan.apart) do
    rule.does.save(rule)
  end
end
