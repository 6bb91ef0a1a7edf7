-- `banning`: counts the denials of a subject, and bans it after too many of them. In two phases, after `charging`.
--
-- - `banning.open(text)` returns the object. `text` is "ban how,numbers,owners,reason". How: 'take' or 'try', see charge.lua. The numbers: denials, their time, the first ban's length,
--   the factor by which further bans are longer, the longest ban, the time after a ban in which it counts (all times in microseconds), and
--   1 for a ban in shadow. The owners: for each rule the number of the state that its denials count for.
-- - `banning.prepare(ban, of, charged, cost)` reads what `charging.prepare` planned. It returns a plan with the `reply` of charge.lua.
-- - `banning.apply(ban, plan)` writes, after `charging.apply`.
--
-- Invariant: a subject is banned by the call that is its n-th denial within the stated time, and by no other. A ban denies every call
-- until it ends, in each script that reads the state, because it is a block. A denial by a block is not counted, nor is a read (cost 0).
-- If the process dies before the script ran, nothing was counted; after it, the ban is in force although no process reports it.
--
-- The state of a subject has two more entries, see charge.lua. Each expires on its own.
-- - The count: time of the first denial that counts, and number of denials.
-- - The bans: time of the last ban, number of bans in a row, and end of the last ban.
-- A ban is a block, whose reason is byte 0, the number of the ban, a space and the text.
-- @include now
-- @include limiter/leading_block
local banning = { open = nil, prepare = nil, apply = nil }
-- No rule has these ids: theirs have 48 bits.
local COUNT, BANS = 2 ^ 48 + 1, 2 ^ 48 + 2
local ENTRY, MOST = 40, 32
-- Redis counts a TTL from the millisecond in which the script started.
local MARGIN = 2
local LARGEST_COUNT = 1000000

function banning.open(text)
  local how, numbers, owners, reason = string.match(text, '^ban (%l+),([^,]+),([^,]+),(.*)$')
  local denials, within, length, factor, longest, quiet, shadow =
    string.match(numbers, '^(%d+) (%d+) (%d+) ([%d.]+) (%d+) (%d+) (%d)$')
  local ban = { denials = tonumber(denials), within = tonumber(within), length = tonumber(length), owners = {} }
  ban.factor, ban.longest, ban.quiet = tonumber(factor), tonumber(longest), tonumber(quiet)
  ban.how, ban.shadow, ban.reason = how, shadow == '1', reason
  for owner in string.gmatch(owners, '%d+') do
    ban.owners[#ban.owners + 1] = tonumber(owner)
  end
  return ban
end

-- The two entries of a state, unless they expired; how many others there are, and how many of those are in use. `charging` checked the state already.
-- Times from before the clock was set back are moved to now.
local function find(state)
  local count, bans, others, used = nil, nil, 0, 0
  for from = state.start + 1, state.saved and #state.saved or 0, ENTRY do
    local id, expires, number, time, ends = struct.unpack('<ddddd', state.saved, from)
    local back = math.max(0, time - now)
    local entry = { expires = expires - back, number = number, time = time - back, ends = ends - back }
    if entry.expires <= now then
      entry = nil
    end
    if id == COUNT then
      count = entry
    elseif id == BANS then
      bans = entry
    else
      others = others + 1
      used = expires > now and used + 1 or used
    end
  end
  return count, bans, others, used
end

-- The states of which an enforced rule denied.
local function denied(ban, of)
  local places = {}
  for at, rule in ipairs(of.list) do
    if rule.refuses and not rule.shadow then
      places[ban.owners[at]] = true
    end
  end
  return places
end

-- Counts a denial. Returns the entries to write, and the number and length of a ban that begins.
local function counted(ban, count, bans)
  local number = (count and count.number or 0) + 1
  if number < ban.denials then
    local since = count and count.time or now
    return { { COUNT, since + ban.within, number, since, 0 }, bans and { BANS, bans.expires, bans.number, bans.time, bans.ends } }
  end
  local nth = math.min((bans and bans.number or 0) + 1, LARGEST_COUNT)
  local length = math.floor(math.min(ban.longest, ban.length * ban.factor ^ (nth - 1)))
  return { { BANS, now + length + ban.quiet, nth, now, now + length } }, nth, length
end

local function reason_of(ban, nth)
  return '\0' .. string.format('%.0f', nth) .. ' ' .. ban.reason
end

-- The reply of a call that was not denied by a block: with the reports, and with the ban that begins and ends last.
local function reply_of(ban, reply, reports)
  local last = 0
  for _, report in ipairs(reports) do
    if report[2] == 1 and not ban.shadow and report[4] > last then
      last = report[4]
      reply = { 2, last, reason_of(ban, report[3]) }
    end
  end
  for _, report in ipairs(reports) do
    for at = 1, 4 do
      reply[#reply + 1] = report[at]
    end
  end
  return reply
end

function banning.prepare(ban, of, charged, cost)
  local plan, reports = { writes = {}, reply = charged.reply }, {}
  if charged.reply[1] == 2 then
    return plan
  end
  local places = not charged.allowed and tonumber(cost) > 0 and denied(ban, of) or {}
  for at, state in ipairs(charged.states) do
    local count, bans, others, used = find(state)
    if ban.shadow and bans and bans.ends > now then
      -- A real ban would have denied the call without counting it.
      reports[#reports + 1] = { at, 0, bans.number, bans.ends - now }
    elseif places[at] and used + 2 <= MOST then
      local entries, nth, length = counted(ban, count, bans)
      local change = { key = state.key, entries = entries, nth = nth, length = length, full = others + 2 > MOST }
      plan.writes[#plan.writes + 1] = change
      if nth then
        reports[#reports + 1] = { at, 1, nth, length }
      end
    end
  end
  plan.reply = reply_of(ban, charged.reply, reports)
  return plan
end

-- Writes a state with new entries; without those that expired if it is full.
local function write(ban, change)
  local saved = redis.call('GET', change.key)
  local _, _, _, start = leading_block(saved)
  local head, kept, expires = '', '', now
  if change.nth and not ban.shadow then
    local text = reason_of(ban, change.nth)
    expires = now + change.length
    head = struct.pack('<ddddd', 0, expires, #text, now, 0) .. text
  end
  for from = start + 1, saved and #saved or 0, ENTRY do
    local id, ends = struct.unpack('<dd', saved, from)
    if id ~= COUNT and id ~= BANS and (ends > now or not change.full) then
      kept = kept .. string.sub(saved, from, from + ENTRY - 1)
      expires = math.max(expires, ends)
    end
  end
  for at = 1, 2 do
    local entry = change.entries[at]
    if entry then
      kept = kept .. struct.pack('<ddddd', unpack(entry))
      expires = math.max(expires, entry[2])
    end
  end
  redis.call('SET', change.key, head .. kept, 'PX', math.ceil((expires - now) / 1000) + MARGIN)
end

function banning.apply(ban, plan)
  for _, change in ipairs(plan.writes) do
    write(ban, change)
  end
end
