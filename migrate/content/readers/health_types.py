"""The types of Health samples: their numbers in `samples.data_type`, Apple's identifiers, and their units.

The numbers are *read* (HealthDB, iLEAPP), the identifiers and category values Apple's (HealthKit's documentation), the
canonical units those that HealthKit readers assume: heart rates are kept per second (*read*: iLEAPP).
"""

from __future__ import annotations

import re
from typing import NamedTuple


class Quantity(NamedTuple):
    """A type that is measured."""

    name: str
    unit: str
    factor: float
    """What the stored number is multiplied with to be in that unit."""


_QUANTITIES: dict[tuple[str, float], str] = {
    ("count", 1): """
        0:BodyMassIndex 7:StepCount 12:FlightsClimbed 57:NumberOfTimesFallen 60:InhalerUsage 89:UVExposure
        101:PushCount 111:SwimmingStrokeCount 251:NumberOfAlcoholicBeverages
    """,
    ("%", 1): """
        1:BodyFatPercentage 14:OxygenSaturation 18:BloodAlcoholContent 19:PeripheralPerfusionIndex
        182:WalkingDoubleSupportPercentage 194:WalkingAsymmetryPercentage 248:AtrialFibrillationBurden
        249:AppleWalkingSteadiness
    """,
    ("m", 1): """
        2:Height 8:DistanceWalkingRunning 83:DistanceCycling 110:DistanceSwimming 113:DistanceWheelchair
        114:WaistCircumference 138:DistanceDownhillSnowSports 183:SixMinuteWalkTestDistance
        188:WalkingStepLength 258:RunningStrideLength 259:RunningVerticalOscillation 269:UnderwaterDepth
    """,
    ("kg", 1): """
        3:BodyMass 4:LeanBodyMass
    """,
    ("count/min", 60): """
        5:HeartRate 61:RespiratoryRate 118:RestingHeartRate 137:WalkingHeartRateAverage
        266:HeartRateRecoveryOneMinute 282:CyclingCadence
    """,
    ("kcal", 1): """
        9:BasalEnergyBurned 10:ActiveEnergyBurned 29:DietaryEnergyConsumed
    """,
    ("mg/dL", 1): """
        15:BloodGlucose
    """,
    ("mmHg", 1): """
        16:BloodPressureSystolic 17:BloodPressureDiastolic
    """,
    ("g", 1): """
        20:DietaryFatTotal 21:DietaryFatPolyunsaturated 22:DietaryFatMonounsaturated 23:DietaryFatSaturated
        24:DietaryCholesterol 25:DietarySodium 26:DietaryCarbohydrates 27:DietaryFiber 28:DietarySugar
        30:DietaryProtein 31:DietaryVitaminA 32:DietaryVitaminB6 33:DietaryVitaminB12 34:DietaryVitaminC
        35:DietaryVitaminD 36:DietaryVitaminE 37:DietaryVitaminK 38:DietaryCalcium 39:DietaryIron
        40:DietaryThiamin 41:DietaryRiboflavin 42:DietaryNiacin 43:DietaryFolate 44:DietaryBiotin
        45:DietaryPantothenicAcid 46:DietaryPhosphorus 47:DietaryIodine 48:DietaryMagnesium 49:DietaryZinc
        50:DietarySelenium 51:DietaryCopper 52:DietaryManganese 53:DietaryChromium 54:DietaryMolybdenum
        55:DietaryChloride 56:DietaryPotassium 78:DietaryCaffeine
    """,
    ("S", 1): """
        58:ElectrodermalActivity
    """,
    ("degC", 1): """
        62:BodyTemperature 90:BasalBodyTemperature 277:WaterTemperature
    """,
    ("L", 1): """
        71:ForcedVitalCapacity 72:ForcedExpiratoryVolume1
    """,
    ("L/min", 1): """
        73:PeakExpiratoryFlowRate
    """,
    ("min", 1): """
        75:AppleExerciseTime 186:AppleStandTime 279:TimeInDaylight
    """,
    ("mL", 1): """
        87:DietaryWater
    """,
    ("mL/min·kg", 1): """
        124:VO2Max
    """,
    ("IU", 1): """
        125:InsulinDelivery
    """,
    ("ms", 1): """
        139:HeartRateVariabilitySDNN 260:RunningGroundContactTime
    """,
    ("dBASPL", 1): """
        172:EnvironmentalAudioExposure 173:HeadphoneAudioExposure 272:EnvironmentalSoundReduction
    """,
    ("m/s", 1): """
        187:WalkingSpeed 195:StairAscentSpeed 196:StairDescentSpeed 274:RunningSpeed 281:CyclingSpeed
    """,
    ("W", 1): """
        270:RunningPower 280:CyclingPower 283:CyclingFunctionalThresholdPower
    """,
    ("kcal/hr·kg", 1): """
        286:PhysicalEffort
    """,
}
"""By unit and factor: numbers and names, without Apple's prefix."""
_CATEGORIES = """
    63:SleepAnalysis 70:AppleStandHour 91:CervicalMucusQuality 92:OvulationTestResult 95:MenstrualFlow
    96:IntermenstrualBleeding 97:SexualActivity 99:MindfulSession 147:LowHeartRateEvent 157:AbdominalCramps
    158:BreastPain 159:Bloating 160:Headache 161:Acne 162:LowerBackPain 163:PelvicPain 164:MoodChanges
    165:Constipation 166:Diarrhea 167:Fatigue 168:Nausea 169:SleepChanges 170:AppetiteChanges 171:HotFlashes
    178:AudioExposureEvent 189:ToothbrushingEvent 191:Pregnancy 192:Lactation 193:Contraceptive
    201:RapidPoundingOrFlutteringHeartbeat 202:SkippedHeartbeat 203:Fever 204:ShortnessOfBreath
    205:ChestTightnessOrPain 206:Fainting 207:Dizziness 220:Vomiting 221:Heartburn 222:Coughing 223:Wheezing
    224:SoreThroat 225:SinusCongestion 226:RunnyNose 229:VaginalDryness 230:NightSweats 231:Chills
    232:HairLoss 233:DrySkin 234:BladderIncontinence 235:MemoryLapse 237:HandwashingEvent
    240:GeneralizedBodyAche 241:LossOfSmell 242:LossOfTaste 243:PregnancyTestResult
"""
_ACTIVITIES = """
    1:AmericanFootball 2:Archery 3:AustralianFootball 4:Badminton 5:Baseball 6:Basketball 7:Bowling 8:Boxing
    9:Climbing 10:Cricket 11:CrossTraining 12:Curling 13:Cycling 14:Dance 15:DanceInspiredTraining
    16:Elliptical 17:EquestrianSports 18:Fencing 19:Fishing 20:FunctionalStrengthTraining 21:Golf
    22:Gymnastics 23:Handball 24:Hiking 25:Hockey 26:Hunting 27:Lacrosse 28:MartialArts 29:MindAndBody
    30:MixedMetabolicCardioTraining 31:PaddleSports 32:Play 33:PreparationAndRecovery 34:Racquetball
    35:Rowing 36:Rugby 37:Running 38:Sailing 39:SkatingSports 40:SnowSports 41:Soccer 42:Softball 43:Squash
    44:StairClimbing 45:SurfingSports 46:Swimming 47:TableTennis 48:Tennis 49:TrackAndField
    50:TraditionalStrengthTraining 51:Volleyball 52:Walking 53:WaterFitness 54:WaterPolo 55:WaterSports
    56:Wrestling 57:Yoga 58:Barre 59:CoreTraining 60:CrossCountrySkiing 61:DownhillSkiing 62:Flexibility
    63:HighIntensityIntervalTraining 64:JumpRope 65:Kickboxing 66:Pilates 67:Snowboarding 68:Stairs
    69:StepTraining 70:WheelchairWalkPace 71:WheelchairRunPace 72:TaiChi 73:MixedCardio 74:HandCycling
    75:DiscSports 76:FitnessGaming 77:CardioDance 78:SocialDance 79:Pickleball 80:Cooldown 82:SwimBikeRun
    83:Transition 84:UnderwaterDiving 3000:Other
"""
_SLEEP = ("InBed", "AsleepUnspecified", "Awake", "AsleepCore", "AsleepDeep", "AsleepREM")
_SEVERITY = ("Unspecified", "NotPresent", "Mild", "Moderate", "Severe")
WORKOUT, ROUTE = 79, 102
_OTHERS = {67: "WeeklyCalorieGoal", 76: "Activity", WORKOUT: "Workout", 80: "BloodPressure", 81: "Food",
           ROUTE: "WorkoutRoute", 119: "BinarySample", 144: "Electrocardiogram", 198: "SleepSchedule"}  # fmt: skip
"""Neither quantities nor categories."""
_WORD = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def _numbered(text: str) -> dict[int, str]:
    return {int(number): name for number, _colon, name in (word.partition(":") for word in text.split())}


QUANTITIES = {
    number: Quantity(name, unit, factor)
    for (unit, factor), text in _QUANTITIES.items()
    for number, name in _numbered(text).items()
}
CATEGORIES = _numbered(_CATEGORIES)
ACTIVITIES = _numbered(_ACTIVITIES)


def type_name(number: object) -> str:
    """A type as a person reads it: `heart rate`, or `type 400` if it is not known."""
    if not isinstance(number, int):
        return "other"
    quantity = QUANTITIES.get(number)
    known = quantity.name if quantity else CATEGORIES.get(number) or _OTHERS.get(number)
    return f"type {number}" if known is None else words(known)


def words(name: str) -> str:
    """`HeartRateVariabilitySDNN` -> `heart rate variability SDNN`."""
    return " ".join(word if word.isupper() else word.lower() for word in _WORD.split(name))


def identifier(number: object) -> str | None:
    """The type's identifier in Apple's export; None if it is neither a known quantity nor a known category."""
    if not isinstance(number, int):
        return None
    if number in QUANTITIES:
        return f"HKQuantityTypeIdentifier{QUANTITIES[number].name}"
    return f"HKCategoryTypeIdentifier{CATEGORIES[number]}" if number in CATEGORIES else None


def category_value(number: int, value: object) -> str:
    """The value of a category in Apple's export, such as `HKCategoryValueSleepAnalysisAsleepREM`; the number itself
    where its name is not known."""
    name = CATEGORIES.get(number, "")
    if isinstance(value, int) and value >= 0:
        if name == "SleepAnalysis" and value < len(_SLEEP):
            return f"HKCategoryValueSleepAnalysis{_SLEEP[value]}"
        if name == "AppleStandHour" and value < 2:
            return f"HKCategoryValueAppleStandHour{('Stood', 'Idle')[value]}"
        if 157 <= number <= 242 and number not in _NO_SEVERITY and value < len(_SEVERITY):
            return f"HKCategoryValueSeverity{_SEVERITY[value]}"
        if value == 0:
            return "HKCategoryValueNotApplicable"
    return str(value)


_NO_SEVERITY = frozenset({164, 169, 170, 178, 189, 191, 192, 193, 237})
"""Categories among the symptoms that have other values."""


def activity_name(number: object) -> str:
    """The kind of a workout, without Apple's prefix."""
    return ACTIVITIES.get(number, "Other") if isinstance(number, int) else "Other"
